import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import type { Ipfs } from '../../src/interfaces.ts'
import { openEmbedded } from '../../src/ipfs/embedded/embedded.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { parseCid } from '../../src/model/cid.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { eventually } from '../support/eventually.ts'
import { findKubo, startKubo } from '../support/kubo.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'
import { silentLogger } from '../support/silent-logger.ts'

const LIMIT = { timeout: 180_000 }
const kubo = await findKubo()

/** An IPFS node of nobody's cluster, connected to nobody: what it reads, it got from the node that it was pointed at. */
async function openReader(stack: AsyncDisposableStack): Promise<Ipfs> {
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-reader-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const components = {
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger(),
    meter: createNoopMeter(),
  }
  return stack.use(
    await openEmbedded(
      { ...components, store: openMemoryStore() },
      {
        folder,
        listenAddresses: ['/ip4/127.0.0.1/tcp/0'],
        announceAddresses: [],
        bootstrapAddresses: [],
        storageMaxBytes: 0,
        gcGraceMs: 1000,
        requestTimeoutMs: 20_000,
        pinTimeoutMs: 20_000,
        fetchesMax: 32,
        isUnpinDisabled: false,
      },
    ),
  )
}

async function ipfsAddressOf(peer: PeerProcess): Promise<string> {
  const id: unknown = await (await fetch(`${peer.url}/id`)).json()
  assert.ok(typeof id === 'object' && id !== null && 'ipfs' in id)
  const { addresses } = id.ipfs as { addresses: string[] }
  const address = addresses.find(text => text.includes('/ip4/127.0.0.1/tcp/'))
  assert.ok(address, `the IPFS node of ${peer.url} has no loopback address: ${addresses.join()}`)
  return address
}

async function read(peer: PeerProcess, cid: string): Promise<Buffer> {
  await using stack = new AsyncDisposableStack()
  const reader = await openReader(stack)
  const options = { signal: AbortSignal.timeout(30_000) }
  await reader.swarmConnect(await ipfsAddressOf(peer), options)
  const parts: Uint8Array[] = []
  for await (const part of reader.cat(parseCid(cid), options)) parts.push(part)
  return Buffer.concat(parts)
}

/** Adds at every peer in turn, then reads through the IPFS node of every peer. */
async function addEverywhereReadEverywhere(peers: readonly PeerProcess[]): Promise<void> {
  for (const [index, peer] of peers.entries()) {
    const content = Buffer.alloc(700_000, `content of peer ${index} `)
    const form = new FormData()
    form.append('file', new Blob([content]), `file${index}`)
    const answer = await (
      await fetch(`${peer.url}/add?raw-leaves=true`, { method: 'POST', body: form })
    ).text()
    const cid = String(JSON.parse(answer.trim().split('\n').at(-1) ?? '').cid)
    await eventually(
      `${cid} is pinned everywhere`,
      async () => {
        const status: unknown = await (await fetch(`${peer.url}/pins/${cid}`)).json()
        assert.ok(typeof status === 'object' && status !== null && 'peer_map' in status)
        const all = Object.values(status.peer_map as Record<string, { status: string; error: string }>)
        assert.deepEqual(
          all.map(info => `${info.status}${info.error}`),
          peers.map(() => 'pinned'),
        )
        return true
      },
      60_000,
    )
    for (const other of peers)
      assert.ok((await read(other, cid)).equals(content), `${cid} read through ${other.url}`)
  }
}

test('content added at any peer is readable through every peer with embedded nodes', LIMIT, async () => {
  await using processes = await openPeerProcesses()
  for (let count = 0; count < 3; count++) await processes.add()
  await seeEachOther(processes.peers)
  await addEverywhereReadEverywhere(processes.peers)
})

for (const nodes of [
  ['kubo', 'kubo', 'kubo'],
  ['embedded', 'kubo', 'embedded'],
] as const) {
  const skip = kubo === undefined ? 'no Kubo: put ipfs on the PATH or name it in KUBO_BIN' : false
  test(`content added at any peer is readable through every peer with ${nodes.join(', ')}`, {
    ...LIMIT,
    skip,
  }, async () => {
    assert.ok(kubo !== undefined)
    await using stack = new AsyncDisposableStack()
    const processes = stack.use(await openPeerProcesses())
    for (const node of nodes) {
      if (node === 'embedded') await processes.add()
      else await processes.add({ kubo: stack.use(await startKubo(kubo)).rpcAddress })
    }
    await seeEachOther(processes.peers)
    await addEverywhereReadEverywhere(processes.peers)
  })
}

async function seeEachOther(peers: readonly PeerProcess[]): Promise<void> {
  await eventually(
    'every peer sees all',
    async () => {
      const counts = await Promise.all(
        peers.map(async peer => (await (await fetch(`${peer.url}/peers`)).text()).trim().split('\n').length),
      )
      return counts.every(count => count === peers.length)
    },
    30_000,
  )
}
