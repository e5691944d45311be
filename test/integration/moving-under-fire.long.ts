import assert from 'node:assert/strict'
import test from 'node:test'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { movedBy, openRepinProcesses, type RepinProcess } from '../support/repin-processes.ts'
import { WatchedCopies } from '../support/watched-copies.ts'

const PINS = 300
const CHANGES = 20
const LIMIT_MS = 90_000
/** Slow enough that something can happen in the midst. */
const ENVIRONMENT = {
  CLUSTER_REPINRATE: '30',
  CLUSTER_REPININFLIGHT: '30',
  CLUSTER_PUBSUBMON_UNREACHABLEAFTER: '4s',
  CLUSTER_PUBSUBMON_GONEAFTER: '7s',
}
const { signal } = new AbortController()
const options = { signal }

/** CID → name and peers, as a peer's pinset has it. */
async function entriesOf({ client }: RepinProcess): Promise<ReadonlyMap<string, string>> {
  const entries = new Map<string, string>()
  for await (const { cid, name, allocations } of client.allocations({ query: {} }, options))
    entries.set(cid, JSON.stringify([name, allocations]))
  return entries
}

test('peers are killed, return, are drained and killed again while content moves and users change it: no copy is given up too soon, and what users said holds', {
  timeout: 280_000,
}, async () => {
  await using watched = new WatchedCopies(2)
  await using cluster = await openRepinProcesses(5, {
    environment: ENVIRONMENT,
    kubo: at => watched.optionsFor(at),
  })
  const { peers } = cluster
  const [asked, drained, other, second, first] = peers
  assert.ok(asked && drained && other && second && first)
  await cluster.fill(PINS)
  const cids = Array.from({ length: PINS }, (_, number) => numberedCid(number).toString())
  watched.watch(peers, cids)
  const kill = async (peer: RepinProcess) => {
    await peer.process.kill()
    watched.died(peers.indexOf(peer))
  }
  const start = async (peer: RepinProcess) => {
    await peer.process.start()
    watched.returned(peers.indexOf(peer))
  }
  const moved = (more: number, before: number) =>
    eventually('content moves', async () => (await movedBy([asked, other])) >= before + more, LIMIT_MS)
  const settled = async (what: string) => {
    await eventually(
      what,
      async () => {
        const [entries, ...others] = await Promise.all(peers.map(entriesOf))
        assert.ok(entries)
        for (const each of others) assert.deepEqual(each, entries)
        const held = peers.reduce((sum, { kubo }) => sum + kubo.pins.size, 0)
        assert.deepEqual([await cluster.poor(0, peers), held], [0, 2 * entries.size])
        return true
      },
      LIMIT_MS,
    )
  }

  // The second one dies when the content of the first is on its way, which returns in the midst of that.
  await kill(first)
  await moved(10, 0)
  await kill(second)
  await start(first)
  await moved(20, 0)
  await start(second)
  await settled('each has its copies again, and nobody more than that')
  assert.deepEqual(watched.flaws, [])

  const before = await cluster.allocations(0)
  const movedBefore = await movedBy([asked, other])
  const { id } = drained.process
  const concerned = cids.filter(cid => before.get(cid)?.includes(id) === true)
  assert.ok(concerned.length > 3 * CHANGES, `${concerned.length} to move`)
  await asked.client.drainPeer({ params: { peer: id }, query: {} }, options)
  await moved(5, movedBefore)
  const unwanted = concerned.filter((_, at) => at % 3 === 0).slice(0, CHANGES)
  const renamed = concerned.filter((_, at) => at % 3 === 1).slice(0, CHANGES)
  for (const cid of [...unwanted, ...renamed]) watched.unwatch(cid)
  const unpinned = Promise.all(unwanted.map(cid => second.client.unpin({ params: { hash: cid } }, options)))
  const changed = Promise.all(
    renamed.map(cid => other.client.pin({ params: { hash: cid }, query: { name: 'kept' } }, options)),
  )
  await Promise.all([unpinned, changed])
  await kill(drained)
  await moved(20, movedBefore)
  await start(drained)
  await eventually(
    'the drained peer is empty',
    async () => (await asked.client.peerContent({ params: { peer: id }, query: {} }, options)).empty,
    LIMIT_MS,
  )
  await settled('what it kept is on others')
  assert.deepEqual(watched.flaws, [])
  assert.ok(watched.removals > 0)
  assert.equal(drained.kubo.pins.size, 0)
  for (const peer of peers) {
    const entries = await entriesOf(peer)
    assert.equal(entries.size, PINS - CHANGES)
    assert.deepEqual(
      unwanted.filter(cid => entries.has(cid)),
      [],
      'nothing comes back',
    )
    for (const cid of renamed) assert.match(entries.get(cid) ?? '', /^\["kept",/)
  }
})
