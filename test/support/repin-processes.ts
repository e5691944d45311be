import assert from 'node:assert/strict'
import { type Client, openClient } from '../../src/api/client.ts'
import { eventually } from './eventually.ts'
import { type KuboDouble, type KuboDoubleOptions, openKuboDouble } from './kubo-double.ts'
import { numberedCid } from './numbered-cid.ts'
import { freePort, openPeerProcesses, type PeerProcess } from './peer-processes.ts'

/** A real peer over a double of Kubo. */
export interface RepinProcess {
  readonly process: PeerProcess
  readonly kubo: KuboDouble
  readonly client: Client
  /** Sum over the labels of a metric of this process run; 0 while it does not answer. */
  metric(name: string): Promise<number>
}

/** CID → the ids of its peers. */
export type Allocations = ReadonlyMap<string, readonly string[]>

/** Real peers that pin on two of them and move content without delay. */
export interface RepinProcesses extends AsyncDisposable {
  readonly peers: readonly RepinProcess[]
  /** Pins so many numbered CIDs, and waits until they are everywhere they should be. */
  fill(count: number): Promise<void>
  /** What a peer's pinset says. */
  allocations(at: number): Promise<Allocations>
  /** CIDs that fewer than two of the given peers are allocated and hold. */
  poor(at: number, live: readonly RepinProcess[]): Promise<number>
}

const MOVED = 'pinfold_repin_moved_total'

/** How often these peers have written an allocation anew, in all. */
export async function movedBy(peers: readonly RepinProcess[]): Promise<number> {
  const counts = await Promise.all(peers.map(peer => peer.metric(MOVED)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** How many entries differ. */
export function changedBetween(before: Allocations, after: Allocations): number {
  return [...before].filter(([cid, peers]) => after.get(cid)?.join() !== peers.join()).length
}

/** The peer with the most and the one with the fewest copies, as parts of the mean. */
export function spreadOf(allocations: Allocations): { readonly most: number; readonly fewest: number } {
  const counts = new Map<string, number>()
  for (const peer of [...allocations.values()].flat()) counts.set(peer, (counts.get(peer) ?? 0) + 1)
  const mean = [...counts.values()].reduce((sum, count) => sum + count, 0) / counts.size
  return { most: Math.max(...counts.values()) / mean, fewest: Math.min(...counts.values()) / mean }
}

/** How they differ from the usual ones. */
export interface RepinProcessesOptions {
  readonly program?: string
  readonly environment?: Readonly<Record<string, string>>
  /** For the IPFS node of the peer with this number. */
  readonly kubo?: (at: number) => KuboDoubleOptions
}

/** Opens so many peers that know each other. */
export async function openRepinProcesses(
  count: number,
  options: RepinProcessesOptions = {},
): Promise<RepinProcesses> {
  await using opened = new AsyncDisposableStack()
  const doubles = opened.use(new AsyncDisposableStack())
  const processes = opened.use(await openPeerProcesses())
  const peers: RepinProcess[] = []
  for (let at = 0; at < count; at++) {
    const kubo = doubles.use(await openKuboDouble(options.kubo?.(at)))
    const port = await freePort()
    const process = await processes.add({
      kubo: kubo.address,
      ...(options.program === undefined ? {} : { program: options.program }),
      environment: {
        CLUSTER_REPINDELAY: '0s',
        CLUSTER_REPLICATIONFACTORMIN: '2',
        CLUSTER_REPLICATIONFACTORMAX: '2',
        CLUSTER_CRDT_TRUSTEDPEERS: '*',
        CLUSTER_METRICS_ENABLESTATS: 'true',
        CLUSTER_METRICS_PROMETHEUSENDPOINT: `/ip4/127.0.0.1/tcp/${port}`,
        ...options.environment,
      },
    })
    const client = openClient({ hosts: [process.host], timeoutMs: 20_000 })
    peers.push({ process, kubo, client, metric: name => readMetric(port, name) })
  }
  const allocations = (at: number) => readAllocations(peers[at] ?? assert.fail('no such peer'))
  const all = opened.move()
  return {
    peers,
    allocations,
    poor: async (at, live) => countPoor(await allocations(at), live),
    fill: pins => fill(peers, pins),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

function countPoor(allocations: Allocations, live: readonly RepinProcess[]): number {
  const byId = new Map(live.map(peer => [peer.process.id, peer.kubo.pins]))
  let poor = 0
  for (const [cid, peers] of allocations)
    if (peers.filter(peer => byId.get(peer)?.has(cid) === true).length < 2) poor++
  return poor
}

async function fill(peers: readonly RepinProcess[], count: number): Promise<void> {
  const [first] = peers
  assert.ok(first !== undefined)
  await eventually(
    'every peer sees all, and may choose them',
    async () => {
      const counts = await Promise.all(peers.map(({ client }) => peersSeenBy(client)))
      const metrics = await Promise.all(peers.map(({ client }) => metricsSeenBy(client)))
      return [...counts, ...metrics].every(seen => seen === peers.length)
    },
    60_000,
  )
  const lines = Array.from({ length: count }, (_, number) => numberedCid(number).toString())
  const body = new TextEncoder().encode(`${lines.join('\n')}\n`)
  const options = { signal: AbortSignal.timeout(60_000) }
  let pinned = 0
  for await (const { status } of first.client.pinMany({ query: {}, lines: only(body) }, options)) {
    if (status === 'pinned') pinned++
  }
  assert.equal(pinned, count)
  await eventually(
    'all pins are where they should be',
    async () => (await countEverywhere(peers, count)) === 0,
    60_000,
  )
}

async function countEverywhere(peers: readonly RepinProcess[], count: number): Promise<number> {
  const all = await Promise.all(peers.map(readAllocations))
  if (all.some(({ size }) => size !== count)) return count
  return countPoor(all[0] ?? new Map(), peers)
}

async function* only<Item>(item: Item): AsyncGenerator<Item> {
  yield item
}

async function peersSeenBy(client: Client): Promise<number> {
  let count = 0
  for await (const { error } of client.peers({}, { signal: AbortSignal.timeout(10_000) }))
    if (error === '') count++
  return count
}

async function metricsSeenBy(client: Client): Promise<number> {
  const found = await client.metrics(
    { params: { name: 'freespace' } },
    { signal: AbortSignal.timeout(10_000) },
  )
  return found.length
}

async function readAllocations({ client }: RepinProcess): Promise<Allocations> {
  const all = new Map<string, readonly string[]>()
  const options = { signal: AbortSignal.timeout(20_000) }
  for await (const pin of client.allocations({ query: {} }, options)) all.set(pin.cid, pin.allocations ?? [])
  return all
}

async function readMetric(port: number, name: string): Promise<number> {
  const text = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { 'accept-encoding': 'identity' },
    signal: AbortSignal.timeout(20_000),
  }).then(
    response => response.text(),
    () => '',
  )
  let sum = 0
  for (const [, metric, value] of text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)/gm))
    if (metric === name) sum += Number(value)
  return sum
}
