import assert from 'node:assert/strict'
import test from 'node:test'
import { openDaemons, type TestDaemon } from '../support/daemons.ts'
import { eventually } from '../support/eventually.ts'

const LIMIT = { timeout: 170_000 }
const PATIENCE_MS = 60_000

interface PeerState {
  readonly status: string
  readonly error: string
}

async function statesOf(peer: TestDaemon, cid: string): Promise<string[]> {
  const answer = await fetch(`${peer.url}/pins/${cid}`)
  const { peer_map } = (await answer.json()) as { readonly peer_map: Record<string, PeerState> }
  return Object.values(peer_map).map(({ status, error }) => `${status}${error}`)
}

async function addTo(url: string, content: Buffer): Promise<string> {
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(content)]), 'file')
  const text = await (await fetch(url, { method: 'POST', body: form })).text()
  const last = JSON.parse(text.trim().split('\n').at(-1) ?? '') as {
    readonly cid?: string
    readonly Hash?: string
  }
  const cid = last.cid ?? last.Hash
  assert.ok(cid !== undefined, text)
  return cid
}

function rpcOf(peer: TestDaemon): string {
  return `http://127.0.0.1:${peer.proxy.split('/').at(-1)}/api/v0`
}

async function pinnedOn(peers: readonly TestDaemon[], cid: string): Promise<void> {
  for (const peer of peers) {
    await eventually(
      `${cid} is pinned by all peers, seen from ${peer.url}`,
      async () => {
        assert.deepEqual(await statesOf(peer, cid), ['pinned', 'pinned'])
        return true
      },
      PATIENCE_MS,
    )
  }
}

async function seeEachOther(peers: readonly TestDaemon[]): Promise<void> {
  for (const peer of peers)
    await eventually(
      `${peer.url} sees ${peers.length} peers`,
      async () =>
        (await (await fetch(`${peer.url}/peers`)).text()).trim().split('\n').length === peers.length,
      PATIENCE_MS,
    )
}

async function cat(peer: TestDaemon, cid: string): Promise<Buffer> {
  const answer = await fetch(`${rpcOf(peer)}/cat?arg=${cid}`, { method: 'POST' })
  assert.equal(answer.status, 200)
  return Buffer.from(await answer.arrayBuffer())
}

test(
  'a cluster of two over two clusters of two: what is pinned at the top is pinned at the bottom',
  LIMIT,
  async () => {
    await using left = await openDaemons(['embedded', 'embedded'])
    await using right = await openDaemons(['embedded', 'embedded'])
    const [a, b] = [left.peers[0], right.peers[0]]
    assert.ok(a !== undefined && b !== undefined)
    await using top = await openDaemons([a.proxy as `/${string}`, b.proxy as `/${string}`])
    const [peer] = top.peers
    assert.ok(peer !== undefined)
    for (const cluster of [left, right, top]) await seeEachOther(cluster.peers)
    const bottom = [...left.peers, ...right.peers]

    // Added at the top: its blocks come down through the proxies.
    const content = Buffer.alloc(700_000, 'added at the top ')
    const added = await addTo(`${peer.url}/add`, content)
    await pinnedOn(top.peers, added)
    for (const cluster of [left, right]) await pinnedOn(cluster.peers, added)
    for (const each of bottom) assert.ok(content.equals(await cat(each, added)))

    // Pinned at the top, when only one node of the bottom has it; the swarms were connected by way of the proxies.
    const other = Buffer.alloc(300_000, 'only on the right ')
    const wanted = await addTo(`${rpcOf(b)}/add?pin=false`, other)
    assert.equal((await fetch(`${peer.url}/pins/${wanted}`, { method: 'POST' })).status, 200)
    await pinnedOn(top.peers, wanted)
    for (const cluster of [left, right]) await pinnedOn(cluster.peers, wanted)
    for (const each of bottom) assert.ok(other.equals(await cat(each, wanted)))

    // And let go of.
    assert.equal((await fetch(`${peer.url}/pins/${added}`, { method: 'DELETE' })).status, 200)
    for (const each of bottom)
      await eventually(
        `${added} is no longer pinned at ${each.url}`,
        async () => (await fetch(`${each.url}/allocations/${added}`)).status === 404,
        PATIENCE_MS,
      )
    for (const each of bottom) assert.equal((await fetch(`${each.url}/allocations/${wanted}`)).status, 200)
    // A second look of the top at what the bottom lists finds nothing to do.
    assert.equal((await fetch(`${peer.url}/pins/recover`, { method: 'POST' })).status, 204)
  },
)
