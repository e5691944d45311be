// The yardstick: three real peers, a stub in the place of IPFS, load and stubs on the same cores. A table on stdout.
// usage: node bench/yardstick.ts [REQUESTS=20000] [PINS=100000] [CONNECTIONS=50]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../test/support/eventually.ts'
import { openPeerProcesses } from '../test/support/peer-processes.ts'
import { type Figure, Figures, withCommas } from './figure.ts'
import { metricsEndpoint, PeerMeter } from './peer-meter.ts'
import { program } from './program.ts'
import { startStub } from './stub.ts'

const requests = Number(process.argv[2] ?? 20_000)
const pins = Number(process.argv[3] ?? 100_000)
const connections = process.argv[4] ?? '50'
const EQUAL_MS_MAX = 120_000
const BLOCK_MS_MAX = 50
const POLL_MS = 100
const figures = new Figures()
const folder = await mkdtemp(join(tmpdir(), 'pinfold-yardstick-'))
await using cleanup = new AsyncDisposableStack()
cleanup.defer(() => rm(folder, { recursive: true, force: true }))

async function run(name: string, ...args: string[]): Promise<string> {
  const file = join(import.meta.dirname, 'yardstick', `${name}.mjs`)
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  await once(child, 'close')
  return out
}

const stubs = await Promise.all([0, 1, 2].map(() => startStub('yardstick/stub-ipfs.mjs')))
for (const stub of stubs) cleanup.use(stub)
const processes = cleanup.use(await openPeerProcesses())
const meters: PeerMeter[] = []
for (const { address } of stubs) {
  const { url, environment } = await metricsEndpoint()
  const peer = await processes.add({ kubo: address, environment, program })
  meters.push(cleanup.use(new PeerMeter(peer, url)))
}
const { peers } = processes
const hosts = peers.map(peer => new URL(peer.url).host)
const [host = ''] = hosts
const [writer] = peers
const [writerMeter] = meters
if (writer === undefined || writerMeter === undefined) throw new Error('no peer')
await eventually(
  'all peers know each other',
  async () => {
    const seen = await Promise.all(
      peers.map(async peer => (await (await fetch(`${peer.url}/peers`)).text()).trim().split('\n').length),
    )
    return seen.every(count => count === 3)
  },
  30_000,
)

interface Load {
  readonly perSecond: number
  readonly codes: Readonly<Record<string, number>>
  readonly p99Ms: number
}

const cids = join(folder, 'cids.txt')
await writeFile(cids, await run('cids', String(pins)))

/** Sends a request for each CID of a range; whether all of them were answered with success is part of the goal. */
async function load(
  figure: Omit<Figure, 'here'> & { readonly perSecondMin?: number },
  [method, path, connectionsCount]: readonly [string, string, string],
  [from, count]: readonly [number, number],
): Promise<void> {
  const range = [String(from), String(count)]
  const text = await run('load', method, host, path, cids, connectionsCount, ...range)
  const { perSecond, codes, p99Ms } = JSON.parse(text) as Load
  const { perSecondMin, ...told } = figure
  const refused = Object.entries(codes).filter(([code]) => !code.startsWith('2'))
  const fate =
    refused.length === 0 ? 'none refused' : `refused: ${JSON.stringify(Object.fromEntries(refused))}`
  figures.add({
    ...told,
    here: `${withCommas(perSecond)} /s, p99 ${p99Ms.toFixed(0)} ms, ${fate}`,
    ...(perSecondMin === undefined ? {} : { isMet: perSecond >= perSecondMin && refused.length === 0 }),
  })
}

/** By the count of pins that each peer reports, which costs them nothing; then listed, to be sure. */
async function noteEqual(count: number, figure: Omit<Figure, 'here'>, secondsMax?: number): Promise<void> {
  const began = performance.now()
  await Promise.all(
    meters.map(meter =>
      meter.until('it has all pins', metric => metric('ipfscluster_pins') === count, EQUAL_MS_MAX),
    ),
  )
  const seconds = (performance.now() - began) / 1000
  const listed: unknown = JSON.parse(await run('converged', String(count), '60', ...hosts))
  if (!(typeof listed === 'object' && listed !== null && 'converged' in listed && listed.converged === true))
    throw new Error(`the listings differ: ${JSON.stringify(listed)}`)
  figures.add({
    ...figure,
    here: `${seconds.toFixed(1)} s`,
    ...(secondsMax === undefined ? {} : { isMet: seconds <= secondsMax }),
  })
}

async function allPinned(count: number): Promise<void> {
  await eventually(
    'everything is pinned in IPFS',
    async () => {
      await sleep(POLL_MS)
      const stats = await Promise.all(
        stubs.map(async ({ url }): Promise<unknown> => (await fetch(`${url}/api/v0/_stat`)).json()),
      )
      return stats.every(
        stat => typeof stat === 'object' && stat !== null && 'pins' in stat && stat.pins === count,
      )
    },
    600_000,
  )
}

async function noteMemory(work: string, figure: Partial<Figure> = {}): Promise<void> {
  const memory = await Promise.all(meters.map(meter => meter.memory()))
  figures.add({
    work,
    ...figure,
    here: `${memory.map(({ residentMb }) => residentMb.toFixed(0)).join(' / ')} MB`,
  })
}

/** The longest block of any peer since the last call. */
function noteBlock(work: string): void {
  const ms = Math.max(...meters.map(meter => meter.takeLongestBlockMs()))
  figures.add({
    work: `longest event-loop block: ${work}`,
    goal: `≤ ${BLOCK_MS_MAX} ms`,
    here: `${ms.toFixed(0)} ms`,
    isMet: ms <= BLOCK_MS_MAX,
  })
}

noteBlock('start of three peers')
const some = withCommas(requests)
const all = withCommas(pins)
const began = performance.now()
await load(
  {
    work: `\`POST /pins/{cid}\`, ${connections} connections, ${some} new pins, durable before the answer`,
    goal: '≥ 3,400 /s, none refused',
    reference: '1,650–1,720 /s; batched, not durable: 2,690–2,930 /s',
    perSecondMin: 3400,
  },
  ['POST', '/pins/', connections],
  [0, requests],
)
await noteEqual(
  requests,
  {
    work: `all three pinsets equal after the last answer, ${some} pins`,
    goal: '≤ 1 s',
    reference: '88 s; batched 3.6 s',
  },
  1,
)
await allPinned(requests)
figures.add({
  work: `all 3 × ${some} pinned in IPFS, from the first request`,
  reference: 'batched 13.0 s',
  here: `${((performance.now() - began) / 1000).toFixed(1)} s`,
})
noteBlock('single pins')
const commits = await writerMeter.metric('ipfscluster_pinset_commit_seconds_count')
await load(
  {
    work: 'pin again what is pinned, unchanged',
    goal: '≥ 5,000 /s',
    reference: '3,640–4,330 /s, each written',
    perSecondMin: 5000,
  },
  ['POST', '/pins/', connections],
  [0, requests],
)
const written = (await writerMeter.metric('ipfscluster_pinset_commit_seconds_count')) - commits
figures.add({ work: 'writes to disk that this took', goal: '0', here: String(written), isMet: written === 0 })
await load(
  { work: '`GET /allocations/{cid}`, 20 connections', reference: '15,500–21,200 /s' },
  ['GET', '/allocations/', '20'],
  [0, requests],
)
await load(
  { work: '`GET /pins/{cid}` (status on 3 peers), 20 connections', reference: '850–900 /s, p99 40–86 ms' },
  ['GET', '/pins/', '20'],
  [0, Math.min(2000, requests)],
)
noteBlock('pinning again, status and allocations')
await load(
  { work: `${withCommas(pins - requests)} further pins`, reference: '–' },
  ['POST', '/pins/', connections],
  [requests, pins - requests],
)
await noteEqual(pins, {
  work: `all three pinsets equal after the last answer, ${withCommas(pins - requests)} more`,
  reference: 'batched 26 s',
})
await noteMemory(`memory with ${all} pins right after the load (writer / others)`, {
  reference: '610 / 180 MB',
})
await allPinned(pins)
await noteMemory(`memory with ${all} pins, all of them in IPFS (writer / others)`, {
  reference: '228 / 180 MB',
})
await load(
  { work: '`DELETE /pins/{cid}`, 50 connections', reference: '4,120–4,760 /s' },
  ['DELETE', '/pins/', connections],
  [0, requests],
)
await noteEqual(pins - requests, { work: `all three pinsets equal after ${some} removals` })
noteBlock('further pins and removals')
figures.print()
