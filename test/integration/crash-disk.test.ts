import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { difference, listingOf } from '../crash/listing.ts'
import { startStubIpfs } from '../crash/stub-ipfs.ts'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'
import { mountingUnavailable, openSmallDisk } from '../support/small-disk.ts'

const skip = (await mountingUnavailable()) ?? false
const KIB = 1024
/** Small tables, so that also writing those meets the full disk, not the log alone. */
const ENVIRONMENT = { CLUSTER_LEVEL_WRITEBUFFERSIZEBYTES: String(256 * KIB) }
const ANSWER_MS_MAX = 5000

async function pin(peer: PeerProcess, number: number, acknowledged: Set<string>) {
  const cid = numberedCid(number).toString()
  const signal = AbortSignal.timeout(ANSWER_MS_MAX)
  const answer = await fetch(`${peer.url}/pins/${cid}`, { method: 'POST', signal })
  const text = await answer.text()
  if (answer.ok) acknowledged.add(cid)
  return { status: answer.status, text }
}

test('a full disk costs nothing that was acknowledged, neither while it is full nor over a kill -9 then', {
  skip,
  timeout: 120_000,
}, async () => {
  await using stack = new AsyncDisposableStack()
  const disk = stack.use(await openSmallDisk(12 * KIB * KIB))
  const kubo = stack.use(await startStubIpfs()).address
  const processes = stack.use(await openPeerProcesses())
  const other = await processes.add({ kubo, environment: ENVIRONMENT })
  const peer = await processes.add({ kubo, environment: ENVIRONMENT, folder: join(disk.path, 'peer') })
  const acknowledged = new Set<string>()
  for (let number = 0; number < 50; number++) {
    assert.equal((await pin(peer, number, acknowledged)).status, 200)
  }

  await disk.fill(100 * KIB)
  let refused = await pin(peer, 50, acknowledged)
  for (let number = 51; number < 5000 && refused.status === 200; number++) {
    refused = await pin(peer, number, acknowledged)
  }
  assert.equal(refused.status, 500)
  assert.match(refused.text, /"message":"cannot write the database in .*No space left.*STORE_FAILED/)
  const next = await pin(peer, 10_000, acknowledged)
  assert.equal(next.status, 503)
  assert.match(next.text, /takes no writes until its disk does.*READ_ONLY/)
  const removal = await fetch(`${peer.url}/pins/${numberedCid(0)}`, { method: 'DELETE' })
  assert.equal(removal.status, 503)
  const said = peer.log().match(/"level":"error".*read-only until it takes writes again/g)
  assert.equal(said?.length, 1, 'it says once that it is read-only')

  const shown = await listingOf(peer)
  assert.deepEqual([...shown.keys()].sort(), [...acknowledged].sort())
  assert.equal((await pin(other, 20_000, acknowledged)).status, 200, 'other peers go on')

  await peer.kill()
  await disk.fill(4 * KIB)
  await assert.rejects(() => peer.start(), 'it cannot work on a full disk')
  assert.equal(peer.exitCode, 1)
  assert.match(peer.log(), /cannot open the database in .*No space left on device/)

  // What it needs to open, and little more: it starts, and the disk is full again while it is at work.
  await disk.makeRoom()
  await disk.fill(2 * KIB * KIB)
  await peer.start()
  await disk.fill(50 * KIB)
  await eventually('it is full again', async () => {
    for (let number = 30_000; number < 32_000; number++) {
      if ((await pin(peer, number, acknowledged)).status !== 200) return true
    }
    return false
  })
  await disk.makeRoom()
  await eventually(
    'it takes writes without a restart',
    async () => (await pin(peer, 40_000, acknowledged)).status === 200,
  )
  await eventually(
    'both peers show every acknowledged pin',
    async () => {
      const [own, others] = await Promise.all([listingOf(peer), listingOf(other)])
      assert.equal(difference(own, others), '')
      assert.deepEqual(
        [...acknowledged].filter(cid => !own.has(cid)),
        [],
      )
      return true
    },
    30_000,
  )
})
