// How fast pins come in by the line: one POST of NDJSON to a real peer with a stub in the place of IPFS, alone and as one
// of three, and what a line costs beside the pinset. A table on stdout.
// usage: node bench/bulk.ts [PINS=100000]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createNoopMeter } from '@opentelemetry/api'
import { toAllocate } from '../src/allocator/allocate.ts'
import { bulkHandlers } from '../src/api/bulk-handlers.ts'
import { openClient } from '../src/api/client.ts'
import { pinMany } from '../src/cluster/bulk-pin.ts'
import { systemClock } from '../src/lib/clock.ts'
import { createIdentity } from '../src/model/identity.ts'
import type { Metric } from '../src/model/metric.ts'
import { unmarked } from '../src/model/peer-mark.ts'
import { ANYWHERE } from '../src/model/placement.ts'
import { eventually } from '../test/support/eventually.ts'
import { fakeConsensus } from '../test/support/fake-consensus.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { freePort, openPeerProcesses, type PeerProcess } from '../test/support/peer-processes.ts'
import { stubCluster } from '../test/support/stub-cluster.ts'

const count = Number(process.argv[2] ?? 100_000)
const signal = new AbortController().signal
const rows: Record<string, string | number>[] = []
const texts = Array.from({ length: count }, (_, at) => `{"cid":"${numberedCid(at)}","name":"pin ${at}"}\n`)

async function* body(): AsyncIterable<Uint8Array> {
  for (let at = 0; at < count; at += 500) yield Buffer.from(texts.slice(at, at + 500).join(''))
}

async function drain(answers: AsyncIterable<{ readonly status: string }>, wanted: string): Promise<void> {
  let seen = 0
  for await (const { status } of answers) if (status === wanted) seen++
  if (seen !== count) throw new Error(`${seen} of ${count} lines were answered with ${wanted}`)
}

function note(what: string, seconds: number, cpuSeconds: number): void {
  const perSecond = Math.round(count / seconds)
  rows.push({ what, 'lines a second': perSecond, 'CPU µs a line': ((cpuSeconds / count) * 1e6).toFixed(1) })
  console.error(rows.at(-1))
}

/** Everything but HTTP and the pinset: reading lines, checking, choosing peers, answering. */
async function measureLines(what: string, replication: { readonly min: number; readonly max: number }) {
  const peers = [createIdentity().id, createIdentity().id, createIdentity().id]
  const metrics = peers.map(
    (peer): Metric => ({
      name: 'freespace',
      peer,
      value: '1',
      weight: 1,
      isPartitionable: false,
      isValid: true,
      ttlMs: 1,
      receivedAtMs: 1,
      expireAtMs: 1,
    }),
  )
  const consensus = {
    ...fakeConsensus(),
    put: async () => undefined,
    getMany: async (cids: readonly unknown[]) => cids.map(() => undefined),
  }
  const components = {
    clock: systemClock,
    consensus,
    allocate: toAllocate({ weightTolerance: 0.01, diskFullShare: 1 }),
    monitor: {
      peers: () => peers,
      onHealth: () => ({ [Symbol.dispose]: () => undefined }),
      health: () =>
        peers.map(peer => ({ peer, condition: 'alive' as const, phi: 0, heardAtMs: 1, sinceMs: 1 })),
      hello: () => undefined,
      metricNames: () => [],
      latest: () => metrics,
      onMetric: () => ({ [Symbol.dispose]: () => undefined }),
      expect: () => undefined,
      beat: async () => undefined,
    },
    marks: { of: unmarked },
    meter: createNoopMeter(),
  }
  const config = {
    peername: '',
    stateSyncIntervalMs: 1000,
    replication,
    allocateTo: 'any',
    isFollower: false,
    allocateBy: ['freespace'],
    placement: ANYWHERE,
    connectSwarmsDelayMs: 0,
    repin: { isAutomatic: false, delayMs: 0, perSecond: 1, inFlightMax: 1, guardShare: 0.5 },
  } as const
  const cluster = stubCluster({ pinMany: (chunks, options) => pinMany(components, config, chunks, options) })
  const handlers = bulkHandlers(cluster, systemClock)
  const started = performance.now()
  const cpu = process.cpuUsage()
  let characters = 0
  for await (const answer of handlers.pinMany({ lines: body() }, { signal }))
    characters += JSON.stringify(answer).length
  if (characters < count) throw new Error('lines were not answered')
  const used = process.cpuUsage(cpu)
  note(what, (performance.now() - started) / 1000, (used.user + used.system) / 1e6)
}

async function cpuSeconds(peer: PeerProcess): Promise<number> {
  const fields = (await readFile(`/proc/${peer.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function stubNode(cleanup: AsyncDisposableStack): Promise<number> {
  const port = await freePort()
  const program = join(import.meta.dirname, 'yardstick', 'stub-ipfs.mjs')
  const child = spawn(process.execPath, [program, String(port)], { stdio: 'ignore' })
  cleanup.defer(async () => {
    const ended = once(child, 'exit')
    child.kill()
    await ended
  })
  await eventually('the stub answers', async () => (await fetch(`http://127.0.0.1:${port}/api/v0/id`)).ok)
  return port
}

async function measurePeers(peersCount: number): Promise<void> {
  await using cleanup = new AsyncDisposableStack()
  const processes = cleanup.use(await openPeerProcesses())
  for (let at = 0; at < peersCount; at++) {
    await processes.add({ kubo: `/ip4/127.0.0.1/tcp/${await stubNode(cleanup)}` })
  }
  const [writer] = processes.peers
  if (writer === undefined) throw new Error('no peer')
  const client = openClient({ hosts: [writer.host], timeoutMs: 0 })
  await eventually(
    'the peers know each other',
    async () => (await client.id({}, { signal })).cluster_peers?.length === peersCount,
    30_000,
  )
  const measure = async (what: string, work: () => Promise<void>) => {
    const cpu = await cpuSeconds(writer)
    const started = performance.now()
    await work()
    const seconds = (performance.now() - started) / 1000
    note(
      `${what}, ${peersCount} ${peersCount === 1 ? 'peer' : 'peers'}`,
      seconds,
      (await cpuSeconds(writer)) - cpu,
    )
  }
  await measure('POST /pins, new pins', () => drain(client.pinMany({ lines: body() }, { signal }), 'pinned'))
  await measure('POST /pins, the same again', () =>
    drain(client.pinMany({ lines: body() }, { signal }), 'unchanged'),
  )
  await measure('GET /state/export', async () => {
    for await (const pin of client.exportState({}, { signal })) if (pin.cid === '') throw new Error('no CID')
  })
  await measure('DELETE /pins', () => drain(client.unpinMany({ lines: body() }, { signal }), 'removed'))
}

await measureLines('lines alone, kept by every peer', { min: -1, max: -1 })
await measureLines('lines alone, 2 of 3 peers chosen', { min: 2, max: 2 })
await measurePeers(1)
await measurePeers(3)
console.table(rows)
