import assert from 'node:assert/strict'
import test from 'node:test'
import { openClient } from '../../src/api/client.ts'
import { startStubIpfs } from '../crash/stub-ipfs.ts'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'

const { signal } = new AbortController()
const options = { signal }

function clientOf(peer: PeerProcess) {
  return openClient({ hosts: [peer.host], timeoutMs: 10_000 })
}

type Client = ReturnType<typeof clientOf>

async function pinned(client: Client): Promise<Set<string>> {
  const cids = new Set<string>()
  for await (const { cid } of client.allocations({}, options)) cids.add(cid)
  return cids
}

async function digestOf(client: Client): Promise<string> {
  return (await client.pinset({}, options)).digest
}

/** Pins one CID after the other, until stopped; `written` has those that were answered. */
function writeOn(client: Client) {
  const written: string[] = []
  const stopping = new AbortController()
  const run = async () => {
    while (!stopping.signal.aborted) {
      const hash = numberedCid(1000 + written.length).toString()
      await client.pin({ params: { hash } }, options)
      written.push(hash)
    }
  }
  const done = run()
  return {
    written,
    async stop() {
      stopping.abort()
      await done
    },
  }
}

test('a writer that is removed while it writes changes nobody any more; added again, all that it wrote arrives', {
  timeout: 120_000,
}, async t => {
  await using stack = new AsyncDisposableStack()
  const kubo = stack.use(await startStubIpfs()).address
  const processes = stack.use(await openPeerProcesses())
  const peers = [await processes.add({ kubo }), await processes.add({ kubo }), await processes.add({ kubo })]
  const [first, second, writer] = peers
  assert.ok(first !== undefined && second !== undefined && writer !== undefined)
  const [a, b, w] = [clientOf(first), clientOf(second), clientOf(writer)]
  await eventually('all see each other', async () => {
    const counts = await Promise.all(
      [a, b, w].map(async client => (await client.id({}, options)).cluster_peers?.length),
    )
    return counts.every(count => count === 3)
  })

  const writing = writeOn(w)
  stack.defer(() => writing.stop())
  await eventually('what it writes arrives', async () => (await b.pinset({}, options)).pins > 20)
  const before = await pinned(a)
  const removed = await a.distrustPeer({ params: { peer: writer.id } }, options)
  assert.deepEqual(removed.changes, [{ peer: writer.id, trusted: false }])
  const since = performance.now()
  const isRefused = async (client: Client) =>
    (await client.trust({}, options)).changes.some(({ peer, trusted }) => peer === writer.id && !trusted)
  await eventually('the second peer knows', () => isRefused(b))
  await eventually('the writer knows', async () => !(await w.trust({}, options)).trusted_by_cluster)
  t.diagnostic(`both noticed after ${Math.round(performance.now() - since)} ms`)
  // Everything that it writes from now on, and to be sure some that is certainly later, stays with it.
  const from = writing.written.length
  await eventually('it goes on writing', () => writing.written.length > from + 50)
  await writing.stop()
  await a.pin({ params: { hash: numberedCid(1).toString() } }, options)
  await b.pin({ params: { hash: numberedCid(2).toString() } }, options)
  await eventually('the two that are left are equal', async () => (await digestOf(a)) === (await digestOf(b)))
  const late = writing.written.slice(from + 1)
  for (const client of [a, b]) {
    const held = await pinned(client)
    for (const cid of before) assert.ok(held.has(cid), 'what it wrote before stays')
    assert.deepEqual(
      late.filter(cid => held.has(cid)),
      [],
    )
    assert.ok(held.has(numberedCid(1).toString()) && held.has(numberedCid(2).toString()))
  }
  const own = await pinned(w)
  assert.ok(late.every(cid => own.has(cid)))
  await eventually('it still reads', async () => (await pinned(w)).has(numberedCid(2).toString()))
  await assert.rejects(w.trustPeer({ body: { peer_id: second.id } }, options), { code: 'REFUSED' })
  for (const peer of [first, second])
    assert.match(peer.log(), new RegExp(`"peer":"${writer.id}".*"a peer is not trusted any more"`))
  assert.match(writer.log(), /"level":"warn".*the cluster does not trust this peer/)

  await second.kill()
  await second.start()
  assert.ok(await isRefused(b), 'the change outlives a crash')
  await b.trustPeer({ body: { peer_id: writer.id } }, options)
  await eventually(
    'everything arrives and all are equal',
    async () => {
      const digests = await Promise.all([a, b, w].map(digestOf))
      return new Set(digests).size === 1
    },
    15_000,
  )
  for (const client of [a, b]) {
    const held = await pinned(client)
    assert.deepEqual(
      writing.written.filter(cid => !held.has(cid)),
      [],
    )
  }
  assert.equal((await w.trust({}, options)).trusted_by_cluster, true)
  const pinsets = []
  for await (const pinset of b.pinsets({}, options)) pinsets.push(pinset)
  assert.deepEqual(
    pinsets.map(({ pins, error, trusted_by_cluster }) => [pins, error, trusted_by_cluster]),
    peers.map(() => [writing.written.length + 2, '', true]),
  )
})
