// How fast the doors of a peer are: three real peers with the same pins over stubs, one is asked. For each kind of request
// its rate, and, which says more on a busy machine, the processor time that it takes and from whom. A table on stdout.
// usage: node bench/doors-speed.ts [PINS=100000] [--rows WORD,…] [--requests N=10000] [--against FILE] [--profile FOLDER]
//   --against FILE    also measures another build's cluster-service, in turns with this one, and prints the ratio
//   --profile FOLDER  leaves there a processor profile of every peer, and when which row was measured
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { cpuMsOfEndedChildren, memoryOf, resetPeak } from './cpu-time.ts'
import { type Figure, Figures, withCommas } from './figure.ts'
import { program } from './program.ts'
import { type CpuUse, openTestCluster, type TestCluster } from './test-cluster.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '' },
    requests: { type: 'string', default: '10000' },
    against: { type: 'string' },
    profile: { type: 'string' },
  },
})
const pins = Number(positionals[0] ?? 100_000)
const requests = Number(values.requests)
/** Each row is measured in so many turns, so that two builds see the same machine. */
const ROUNDS = 4
const EVENTS = 20
const STARTS = 10

/** A build, its cluster, and where it stands in the CIDs that only one row may use. */
interface Side {
  readonly program: string
  readonly cluster: TestCluster
  readonly seen: { removed: number; added: number }
}

/** What one row came to on one side. */
interface Outcome {
  readonly here: string
  readonly isMet?: boolean
  /** Microseconds of processor time a request, of everybody but the load. */
  readonly cpuMicros: number
}

interface Row extends Pick<Figure, 'work' | 'goal' | 'reference'> {
  readonly word: string
  readonly measure: (sides: readonly Side[]) => Promise<readonly Outcome[]>
}

const folder = await mkdtemp(join(tmpdir(), 'pinfold-doors-'))
await using cleanup = new AsyncDisposableStack()
cleanup.defer(() => rm(folder, { recursive: true, force: true }))
const cids = join(folder, 'cids.txt')
// The ones behind those that are pinned serve to be added.
await writeFile(cids, Array.from({ length: pins + 1000 }, (_, at) => `${numberedCid(at)}\n`).join(''))

interface Load {
  readonly n: number
  readonly secs: number
  readonly p99Ms: number
  readonly codes: Readonly<Record<string, number>>
}

async function output(file: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}`)
  return out
}

async function load(
  { cluster }: Side,
  [method, path, connections]: readonly [string, string, number],
  [from, count]: readonly [number, number],
): Promise<Load> {
  const { host } = new URL(cluster.asked.url)
  const args = [method, host, path, cids, connections, from, count].map(String)
  return JSON.parse(await output(join(import.meta.dirname, 'yardstick/load.mjs'), args)) as Load
}

const NOTHING: CpuUse = { asked: 0, other: 0, stubs: 0, load: 0 }
const combined = (a: CpuUse, b: CpuUse, sign: 1 | -1): CpuUse => ({
  asked: a.asked + sign * b.asked,
  other: a.other + sign * b.other,
  stubs: a.stubs + sign * b.stubs,
  load: a.load + sign * b.load,
})

/** Runs something and adds what it used, once what it left behind is done. */
async function metered<Result>(
  { cluster }: Side,
  used: CpuUse,
  isSettled: () => Promise<unknown>,
  run: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly used: CpuUse }> {
  const before = await cluster.cpu()
  const result = await run()
  await isSettled()
  return { result, used: combined(used, combined(await cluster.cpu(), before, -1), 1) }
}

/** Requests for one CID each, with a warm-up that does not count. */
function requestsRow(
  base: Pick<Row, 'word' | 'work' | 'goal' | 'reference'>,
  request: readonly [method: string, path: string, connections: number],
  perSecondMin: number,
): Row {
  const isRemoval = request[0] === 'DELETE'
  const share = Math.floor(Math.min(requests, isRemoval ? pins / 2 : pins) / ROUNDS)
  const warmUp = Math.min(2000, share)
  const place = ({ seen }: Side, round: number, count: number) => {
    if (!isRemoval) return round * share
    const at = seen.removed
    seen.removed += count
    return at
  }
  const measure = async (sides: readonly Side[]): Promise<readonly Outcome[]> => {
    const sums = sides.map(side => ({ side, used: NOTHING, n: 0, secs: 0, p99Ms: 0, refused: 0 }))
    for (const side of sides) await load(side, request, [place(side, 0, warmUp), warmUp])
    for (let round = 0; round < ROUNDS; round++) {
      for (const sum of round % 2 === 0 ? sums : sums.toReversed()) {
        const { side } = sum
        const range = [place(side, round, share), share] as const
        const isSettled = () => (isRemoval ? countsAreEqual(side) : Promise.resolve())
        const { result, used } = await metered(side, sum.used, isSettled, () => load(side, request, range))
        sum.used = used
        sum.n += result.n
        sum.secs += result.secs
        sum.p99Ms = Math.max(sum.p99Ms, result.p99Ms)
        sum.refused += share - (result.codes['200'] ?? 0)
      }
    }
    return sums.map(({ used, n, secs, p99Ms, refused }) => {
      const micros = (ms: number) => (ms * 1000) / n
      const fate = refused === 0 ? 'none refused' : `${refused} REFUSED`
      const whose = `asked ${micros(used.asked).toFixed(0)}, each other ${micros(used.other).toFixed(0)}`
      const rest = `stubs ${micros(used.stubs).toFixed(0)}, load ${micros(used.load).toFixed(0)}`
      return {
        here: `${withCommas(n / secs)} /s, p99 ${p99Ms.toFixed(0)} ms, ${fate}; µs of CPU a request: ${whose}, ${rest}`,
        isMet: n / secs >= perSecondMin && refused === 0,
        cpuMicros: micros(used.asked + 2 * used.other + used.stubs),
      }
    })
  }
  return { ...base, measure }
}

function countsAreEqual({ cluster, seen }: Side): Promise<void> {
  return cluster.settled(pins - seen.removed + seen.added)
}

interface Listing {
  readonly firstByteMs: number
  readonly ms: number
  readonly addedMb: number
}

async function list({ cluster }: Side): Promise<Listing> {
  const { pid, url } = cluster.asked
  await resetPeak(pid)
  const { residentMb } = await memoryOf(pid)
  const began = performance.now()
  const request = http.get(`${url}/pins`)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let firstByteMs = Number.NaN
  let lines = 0
  response.on('data', (chunk: Buffer) => {
    if (lines === 0) firstByteMs = performance.now() - began
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++
  })
  await once(response, 'end')
  if (lines !== pins || response.trailers['x-stream-error'] !== '')
    throw new Error(`${lines} lines: ${JSON.stringify(response.trailers)}`)
  const { peakMb } = await memoryOf(pid)
  return { firstByteMs, ms: performance.now() - began, addedMb: peakMb - residentMb }
}

const listingMsMax = pins > 100_000 ? 60_000 : 5000
const listingRow: Row = {
  word: 'pins',
  work: `\`GET /pins\` of all ${withCommas(pins)}: first byte / whole / memory added`,
  goal: `≤ 0.1 s / ≤ ${listingMsMax / 1000} s / ≤ 40 MB`,
  reference: pins > 100_000 ? '53 s / 86 s / 3.2 GB (851,427)' : '4.0–4.4 s / 6.4–7.2 s / 261–331 MB',
  async measure(sides) {
    const outcomes: Outcome[] = []
    for (const side of sides) {
      // What the first one ever adds is compiled code and the room of the young generation, and stays.
      await list(side)
      const listings: Listing[] = []
      let used = NOTHING
      const runs = pins > 100_000 ? 1 : 3
      for (let run = 0; run < runs; run++) {
        const done = await metered(
          side,
          used,
          () => Promise.resolve(),
          () => list(side),
        )
        used = done.used
        listings.push(done.result)
      }
      const worst = (key: keyof Listing) => Math.max(...listings.map(listing => listing[key]))
      const [firstByteMs, ms, addedMb] = [worst('firstByteMs'), worst('ms'), worst('addedMb')]
      const micros = (total: number) => (total * 1000) / (runs * pins)
      outcomes.push({
        here: `${(firstByteMs / 1000).toFixed(2)} s / ${(ms / 1000).toFixed(1)} s / ${addedMb.toFixed(0)} MB, worst of ${runs} after one that does not count; µs of CPU a pin: asked ${micros(used.asked).toFixed(1)}, each other ${micros(used.other).toFixed(1)}`,
        isMet: firstByteMs <= 100 && ms <= listingMsMax && addedMb <= 40,
        cpuMicros: micros(used.asked + 2 * used.other + used.stubs),
      })
    }
    return outcomes
  },
}

/** From the answer's request to the event, over connections that are open. */
async function eventDelaysMs({ cluster, seen }: Side): Promise<number[]> {
  const request = http.get(`${cluster.other.url}/events?kinds=pin`)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let wanted = ''
  let onSeen = () => {}
  response.on('data', (chunk: Buffer) => {
    if (wanted !== '' && chunk.includes(wanted)) onSeen()
  })
  const delays: number[] = []
  for (let run = 0; run < EVENTS; run++) {
    wanted = numberedCid(pins + seen.added++).toString()
    const arrived = new Promise<void>(resolve => {
      onSeen = resolve
    })
    const began = performance.now()
    const answer = await fetch(`${cluster.asked.url}/pins/${wanted}`, { method: 'POST' })
    if (!answer.ok) throw new Error(await answer.text())
    await answer.body?.cancel()
    await arrived
    delays.push(performance.now() - began)
  }
  request.destroy()
  return delays
}

const eventRow: Row = {
  word: 'event',
  work: `pin added → event seen at another peer, ${EVENTS} times: median / longest`,
  goal: '≤ 100 ms',
  async measure(sides) {
    const outcomes: Outcome[] = []
    for (const side of sides) {
      const { result, used } = await metered(
        side,
        NOTHING,
        () => countsAreEqual(side),
        () => eventDelaysMs(side),
      )
      const delays = result.toSorted((a, b) => a - b)
      const [median = 0, longest = 0] = [delays[EVENTS / 2], delays.at(-1)]
      outcomes.push({
        here: `${median.toFixed(0)} / ${longest.toFixed(0)} ms`,
        isMet: longest <= 100,
        cpuMicros: ((used.asked + 2 * used.other + used.stubs) * 1000) / EVENTS,
      })
    }
    return outcomes
  },
}

const ctlRow: Row = {
  word: 'ctl',
  work: `\`cluster-ctl version\` start to end, median of ${STARTS} (processor time)`,
  goal: '≤ 150 ms',
  async measure(sides) {
    const outcomes: Outcome[] = []
    for (const { program: service, cluster } of sides) {
      const file = join(dirname(service), service.endsWith('.ts') ? 'cluster-ctl.ts' : 'cluster-ctl.js')
      const times: number[] = []
      const before = await cpuMsOfEndedChildren()
      for (let run = 0; run < STARTS; run++) {
        const began = performance.now()
        await output(file, ['--host', cluster.asked.host, 'version'])
        times.push(performance.now() - began)
      }
      const cpuMs = ((await cpuMsOfEndedChildren()) - before) / STARTS
      const ms = times.toSorted((a, b) => a - b)[STARTS / 2] ?? 0
      outcomes.push({
        here: `${ms.toFixed(0)} ms (${cpuMs.toFixed(0)} ms)`,
        isMet: ms <= 150,
        cpuMicros: cpuMs * 1000,
      })
    }
    return outcomes
  },
}

const rows: readonly Row[] = [
  listingRow,
  requestsRow(
    {
      word: 'status',
      work: '`GET /pins/{cid}` on three peers, 20 connections',
      goal: '≥ 2,500 /s',
      reference: '850–900 /s, p99 40–86 ms',
    },
    ['GET', '/pins/', 20],
    2500,
  ),
  requestsRow(
    {
      word: 'allocation',
      work: '`GET /allocations/{cid}`, 20 connections',
      goal: '≥ 15,000 /s',
      reference: '15,500–21,200 /s',
    },
    ['GET', '/allocations/', 20],
    15_000,
  ),
  eventRow,
  ctlRow,
  requestsRow(
    {
      word: 'delete',
      work: '`DELETE /pins/{cid}` durable, 50 connections',
      goal: '≥ 4,800 /s',
      reference: '4,120–4,760 /s',
    },
    ['DELETE', '/pins/', 50],
    4800,
  ),
]

async function openSide(file: string): Promise<Side> {
  console.error(`fills a cluster of ${file} with ${withCommas(pins)} pins`)
  const options = values.profile === undefined ? '' : `--cpu-prof --cpu-prof-dir=${values.profile}`
  const cluster = await openTestCluster({
    program: file,
    pins,
    environment: options === '' ? {} : { NODE_OPTIONS: options },
  })
  return { program: file, cluster: cleanup.use(cluster), seen: { removed: 0, added: 0 } }
}

const memoryHere = async ({ cluster }: Side) => {
  const memory = await Promise.all(cluster.peers.map(({ pid }) => memoryOf(pid)))
  return `${memory.map(({ residentMb }) => residentMb.toFixed(0)).join(' / ')} MB`
}

const sides = [await openSide(program)]
if (values.against !== undefined) sides.push(await openSide(values.against))
const figures = new Figures()
const windows: unknown[] = []
const words = values.rows === '' ? [] : values.rows.split(',')
for (const { word, work, goal, reference, measure } of rows) {
  if (words.length > 0 && !words.includes(word)) continue
  const beganNs = process.hrtime.bigint()
  const [mine, against] = await measure(sides)
  if (mine === undefined) throw new Error('nothing was measured')
  windows.push({ word, from: Number(beganNs / 1000n), to: Number(process.hrtime.bigint() / 1000n) })
  const ratio = against === undefined ? '' : ` (CPU × ${(mine.cpuMicros / against.cpuMicros).toFixed(2)})`
  const met = mine.isMet === undefined ? {} : { isMet: mine.isMet }
  const common = { work, ...(goal && { goal }), ...(reference && { reference }) }
  figures.add({ ...common, here: `${mine.here}${ratio}`, ...met })
  if (against !== undefined) figures.add({ work: `the same, ${values.against}`, here: against.here })
}
for (const side of sides)
  figures.add({
    work: `memory of the peer that was asked / the others, ${side.program}`,
    here: await memoryHere(side),
  })
if (values.profile !== undefined) {
  for (const { cluster } of sides) for (const peer of cluster.peers) await peer.stop()
  await writeFile(
    join(values.profile, 'windows.json'),
    JSON.stringify({ windows, pids: sides.map(({ cluster }) => cluster.peers.map(({ pid }) => pid)) }),
  )
}
figures.print()
