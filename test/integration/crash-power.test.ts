import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { Ledger } from '../crash/ledger.ts'
import { difference, listingOf } from '../crash/listing.ts'
import { startStubIpfs } from '../crash/stub-ipfs.ts'
import { makeWriter, type Writer } from '../crash/writer.ts'
import { eventually } from '../support/eventually.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'
import { followSyncs, tracingUnavailable } from '../support/power-cut.ts'
import { seededRandom } from '../support/seeded-random.ts'

const skip = tracingUnavailable() ?? false
/** Short logs, so that one follows on the other all the time, and few pieces, so that they are folded all the time. */
const ENVIRONMENT = { CLUSTER_CRDT_PARTITIONS: '16', CLUSTER_LEVEL_WRITEBUFFERSIZEBYTES: '65536' }
const WRITES_MIN = 150
const HUNT_MS_MAX = 5000

/** Two peers that take writes; the power of the first is cut. */
async function openPair(stack: AsyncDisposableStack, clients: { first: number; second: number }) {
  const kubo = stack.use(await startStubIpfs()).address
  const processes = stack.use(await openPeerProcesses())
  const first = await processes.add({ kubo, environment: ENVIRONMENT })
  const second = await processes.add({ kubo, environment: ENVIRONMENT })
  const ledger = new Ledger()
  const writers = Array.from({ length: clients.first + clients.second }, (_, index) =>
    makeWriter(index < clients.first ? first : second, ledger, seededRandom(index), {
      from: index * 1000,
      count: 25,
    }),
  )
  return { first, second, ledger, writers }
}

type Pair = Awaited<ReturnType<typeof openPair>>

/**
 * Loads both and cuts the first one's power, if it comes to that at a moment when a later record is on disk and an earlier one
 * is not. Answers with how many bytes the cut took.
 */
async function cutPower({ first, ledger, writers }: Pair): Promise<number> {
  const cut = await followSyncs(first.pid, join(first.folder, 'level'))
  const stopping = new AbortController()
  const down = new Set<PeerProcess>()
  const load = Promise.all(writers.map(writer => writer.run(stopping.signal, down)))
  const before = ledger.acknowledgedCount
  await eventually('it is at work', () => ledger.acknowledgedCount > before + WRITES_MIN, 30_000)
  const end = performance.now() + HUNT_MS_MAX
  while (!cut.isOutOfOrder && performance.now() < end) await new Promise(resolve => setImmediate(resolve))
  down.add(first)
  await first.kill()
  stopping.abort()
  await load
  return cut.strike()
}

const cidsOf = (writers: readonly Writer[]) => writers.flatMap(writer => writer.cids)

test('what was acknowledged outlives a power cut without any help by others, and the rest is fetched from them', {
  skip,
  timeout: 170_000,
}, async context => {
  await using stack = new AsyncDisposableStack()
  const pair = await openPair(stack, { first: 3, second: 6 })
  const { first, second, ledger, writers } = pair
  const goneBytes = await cutPower(pair)
  context.diagnostic(`${ledger.acknowledgedCount} writes acknowledged, the cut took ${goneBytes} bytes`)
  // Alone, so that nobody sends it what it lost.
  await second.stop()
  await first.start()
  const own = cidsOf(writers.filter(writer => writer.peer === first))
  assert.deepEqual(ledger.settle(own, await listingOf(first)), [])
  await second.start()
  await eventually(
    'both are equal',
    async () => {
      const [ours, theirs] = await Promise.all([listingOf(first), listingOf(second)])
      assert.equal(difference(ours, theirs), '')
      return true
    },
    30_000,
  )
  assert.deepEqual(ledger.settle(cidsOf(writers), await listingOf(second)), [])
})
