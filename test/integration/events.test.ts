// Real peers: how soon an event is seen elsewhere, and what becomes of a cursor.
import assert from 'node:assert/strict'
import test from 'node:test'
import { openClient } from '../../src/api/client.ts'
import type { EventJson } from '../../src/model/event-json.ts'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'

const PINS = 20
const LATENCY_MAX_MS = 1000

/** Reads events of a peer into a list until stopped. */
function watch(peer: PeerProcess, query: Readonly<Record<string, string>> = {}) {
  const stop = new AbortController()
  const seen: { readonly event: EventJson; readonly atMs: number }[] = []
  const client = openClient({ hosts: [peer.host], timeoutMs: 0 })
  const reading = (async () => {
    for await (const event of client.events({ query }, { signal: stop.signal }))
      seen.push({ event, atMs: performance.now() })
  })().catch((thrown: unknown) => {
    if (!stop.signal.aborted) throw thrown
  })
  return {
    seen,
    find: (isIt: (event: EventJson) => boolean) => seen.find(({ event }) => isIt(event)),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await reading
    },
  }
}

test('what is pinned at one peer is an event at another, and a cursor outlives a connection but not the peer', async () => {
  await using peers = await openPeerProcesses()
  const one = await peers.add()
  const two = await peers.add()
  const client = openClient({ hosts: [one.host], timeoutMs: 10_000 })
  const options = { signal: AbortSignal.timeout(100_000) }
  await eventually('they know each other', async () => {
    const { cluster_peers } = await client.id({}, options)
    return cluster_peers?.length === 2
  })
  const latencies: number[] = []
  let lastId = ''
  {
    await using watching = watch(two, { kinds: 'pin' })
    await eventually('it is alive', () => watching.seen.length > 0)
    for (let number = 0; number < PINS; number++) {
      const hash = numberedCid(number).toString()
      const begin = performance.now()
      await client.pin({ params: { hash }, query: { name: `pin ${number}` } }, options)
      const isIt = ({ kind, cid }: EventJson) => kind === 'pin' && cid === hash
      await eventually('the other peer tells', () => watching.find(isIt) !== undefined)
      latencies.push((watching.find(isIt)?.atMs ?? Number.POSITIVE_INFINITY) - begin)
    }
    lastId = watching.seen.at(-1)?.event.id ?? ''
  }
  const sorted = latencies.toSorted((a, b) => a - b)
  const [median, worst] = [sorted[PINS / 2] ?? 0, sorted.at(-1) ?? 0]
  console.log(
    `pin sent to one peer → event seen at the other: median ${median.toFixed(1)} ms, most ${worst.toFixed(1)} ms`,
  )
  assert.ok(median < LATENCY_MAX_MS, `${median} ms`)

  const missed = numberedCid(1000).toString()
  await client.pin({ params: { hash: missed } }, options)
  {
    await using resumed = watch(two, { kinds: 'pin', after: lastId })
    await eventually('what was missed is told', () => resumed.find(({ cid }) => cid === missed) !== undefined)
    assert.deepEqual(
      resumed.seen.map(({ event }) => `${event.kind} ${event.cid ?? ''}`),
      ['alive ', `pin ${missed}`],
    )
    lastId = resumed.seen.at(-1)?.event.id ?? ''
  }

  await using others = watch(one, { kinds: 'peer,alert' })
  await eventually('it is alive', () => others.seen.length > 0)
  await two.stop()
  await eventually('it has left', () => others.find(({ change }) => change === 'left') !== undefined, 30_000)
  await two.start()
  await eventually(
    'it has joined',
    () => others.find(({ change }) => change === 'joined') !== undefined,
    30_000,
  )
  await using anew = watch(two, { after: lastId })
  await eventually('a reset is told', () => anew.find(({ kind }) => kind === 'reset') !== undefined)
})
