// What a large pinset does to repinning: PEERS real peers have PINS pins at r = 2, one of them is killed. How fast the others
// allocate anew what it kept, and what that costs each of them. The pinset is made once and copied to every peer; the IPFS
// nodes are one process that holds what each has to keep. A table on stdout, the state of the machine with it.
// usage: node bench/repin-scale.ts [PINS=20000] [PEERS=10] [--rate N=200] [--heartbeat 1s]
//          [--for SECONDS] [--keep FOLDER] [--profile]
//   --rate N           cluster.repin_rate of every peer
//   --for SECONDS      looks at so much of the moving, not at all of it
//   --keep FOLDER      leaves the logs of all peers there
//   --profile          and a processor profile of each, from its start
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { CID } from 'multiformats/cid'
import { openClient } from '../src/api/client.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { openPeerProcesses, type PeerProcess } from '../test/support/peer-processes.ts'
import { cpuMsOf, memoryOf, resetPeak } from './cpu-time.ts'
import { Figures, withCommas } from './figure.ts'
import type { NodeReport } from './many-ipfs.ts'
import { metricsEndpoint, PeerMeter } from './peer-meter.ts'
import { program } from './program.ts'
import { keepersOf } from './spread-over.ts'
import { type Stub, startStub } from './stub.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: 'string', default: '200' },
    heartbeat: { type: 'string', default: '1s' },
    for: { type: 'string', default: '1800' },
    keep: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
})
const { keep } = values
const windowMs = Number(values.for) * 1000
const [pins = 20_000, peersCount = 10] = positionals.map(Number)
const STORE = 'level/pinset'
const SCRAPE_MS = 1000
const START_MS_MAX = 180_000
const SETTLE_MS_MAX = 1_200_000
const MOVE_MS_MAX = 1_800_000
/** So long the peers are left alone before they are called idle, and after everything is done. */
const REST_MS = 20_000
const BLOCK_MS_MAX = 100
const GROWTH_MB_MAX = 150
const SPREAD_MAX = 0.05
const MOVED = 'pinfold_repin_moved_total'
const PINS = 'ipfscluster_pins'
const WORK_LEFT = [
  'ipfscluster_pins_pin_queued',
  'ipfscluster_pins_pinning',
  'ipfscluster_tracker_unpin_queued',
  'ipfscluster_tracker_changed_names',
  'ipfscluster_pinset_partitions_behind',
]

interface Measured {
  readonly peer: PeerProcess
  readonly meter: PeerMeter
}

const tell = async (what: string) =>
  console.error(`${new Date().toISOString().slice(11, 19)} load ${await load()}: ${what}`)

async function load(): Promise<string> {
  return (await readFile('/proc/loadavg', 'utf8')).split(' ').slice(0, 3).join(' ')
}

async function until(what: string, msMax: number, check: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + msMax
  while (!(await check())) {
    assert.ok(performance.now() < endMs, `${what}: not within ${msMax} ms`)
    await sleep(SCRAPE_MS / 5)
  }
}

async function nodesOf({ url }: Stub, isWhole = false): Promise<readonly NodeReport[]> {
  return (await (await fetch(`${url}/nodes${isWhole ? '?added' : ''}`)).json()) as NodeReport[]
}

async function answers({ url, exitCode, log }: PeerProcess): Promise<boolean> {
  assert.equal(exitCode, undefined, log().slice(-2000))
  return fetch(`${url}/id`, { signal: AbortSignal.timeout(START_MS_MAX) }).then(
    response => response.body?.cancel().then(() => response.ok) ?? false,
    () => false,
  )
}

async function fill(folder: string, ids: readonly string[]): Promise<void> {
  const args = [join(import.meta.dirname, 'fill.ts'), folder, String(pins), '0', ids.join()]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(child, 'exit')
  assert.equal(code, 0, 'fill.ts')
}

const hasNothingToDo = ({ meter }: Measured) => WORK_LEFT.every(name => meter.latest(name) === 0)
const isSettled = (measured: Measured) =>
  measured.meter.latest('ipfscluster_monitor_peers') === peersCount &&
  measured.meter.latest(PINS) === pins &&
  measured.meter.latest('ipfscluster_tracker_sweeps_total') > 0 &&
  hasNothingToDo(measured)

/** Numbers of all peers as "most / median / least". */
function spreadOver(numbers: readonly number[], unit: string, digits = 0): string {
  const sorted = numbers.toSorted((a, b) => b - a)
  const [most = 0, median = 0, least = 0] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
  return `${[most, median, least].map(number => number.toFixed(digits)).join(' / ')} ${unit}`
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
const cpuOf = (measured: readonly Measured[]) => Promise.all(measured.map(({ peer }) => cpuMsOf(peer.pid)))
const memories = (measured: readonly Measured[]) =>
  Promise.all(measured.map(({ peer }) => memoryOf(peer.pid)))
const movedBy = (measured: readonly Measured[]) => measured.map(({ meter }) => meter.latest(MOVED))

/** What the pinset of a peer says in the end, held against what it said in the beginning. */
async function verify(
  { peer }: Measured,
  ids: readonly string[],
  { dead, held }: { readonly dead: number; readonly held: ReadonlyMap<string, ReadonlySet<string>> },
) {
  const before = new Map<string, readonly string[]>()
  for (let number = 0; number < pins; number++) {
    const cid = numberedCid(number)
    const keepers = keepersOf(cid, peersCount)
    if (keepers.includes(dead))
      before.set(
        cid.toString(),
        keepers.map(at => ids[at] ?? ''),
      )
  }
  const deadId = ids[dead] ?? ''
  const counts = new Map<string, number>()
  const found = { changed: 0, wrong: 0, pins: 0, withoutSecond: 0, untouched: 0 }
  const client = openClient({ hosts: [peer.host], timeoutMs: MOVE_MS_MAX })
  const options = { signal: AbortSignal.timeout(MOVE_MS_MAX) }
  for await (const pin of client.allocations({ query: {} }, options)) {
    const { cid } = pin
    const allocations = pin.allocations ?? []
    found.pins++
    for (const id of allocations) counts.set(id, (counts.get(id) ?? 0) + 1)
    if (allocations.includes(deadId) || new Set(allocations).size !== 2) found.wrong++
    const was = before.get(cid)
    if (was === undefined) {
      const kept = keepersOf(CID.parse(cid), peersCount).map(at => ids[at] ?? '')
      if (kept.every(id => allocations.includes(id))) found.untouched++
      continue
    }
    found.changed++
    const [survivor = ''] = was.filter(id => id !== deadId)
    const fresh = allocations.filter(id => id !== survivor)
    if (fresh.length !== 1) found.wrong++
    if (!fresh.every(id => held.get(id)?.has(cid) === true)) found.withoutSecond++
  }
  const copies = [...counts.values()]
  const mean = sum(copies) / copies.length
  const spread = Math.max(Math.max(...copies) / mean - 1, 1 - Math.min(...copies) / mean)
  return { ...found, spread }
}

const figures = new Figures()
await using opened = new AsyncDisposableStack()
await tell('starts the IPFS nodes')
const stub = opened.use(await startStub('many-ipfs.ts', String(pins), String(peersCount)))
const nodes = await nodesOf(stub)
const processes = opened.use(await openPeerProcesses())
const endpoints: string[] = []
if (keep !== undefined) {
  opened.defer(async () => {
    for (const [at, peer] of processes.peers.entries()) {
      await peer.stop()
      await writeFile(join(keep, `peer${at}.log`), peer.log())
    }
  })
}
const profile = values.profile && keep !== undefined ? `--cpu-prof --cpu-prof-dir=${keep}` : ''
for (const { port } of nodes) {
  const metrics = await metricsEndpoint()
  endpoints.push(metrics.url)
  const peer = await processes.add({
    program,
    kubo: `/ip4/127.0.0.1/tcp/${port}`,
    environment: {
      CLUSTER_MONITORPINGINTERVAL: values.heartbeat,
      CLUSTER_REPINDELAY: '0s',
      CLUSTER_REPINRATE: values.rate,
      CLUSTER_REPLICATIONFACTORMIN: '2',
      CLUSTER_REPLICATIONFACTORMAX: '2',
      CLUSTER_CRDT_TRUSTEDPEERS: '*',
      ...metrics.environment,
      ...(profile === '' ? {} : { NODE_OPTIONS: profile }),
    },
  })
  await tell(`made ${peer.id}`)
}
const { peers } = processes
const ids = peers.map(({ id }) => id)
const [first, ...others] = peers
const dead = peersCount - 1
assert.ok(first !== undefined)
await Promise.all(peers.map(peer => peer.stop()))
await fill(first.folder, ids)
for (const { folder } of others) {
  await rm(join(folder, STORE), { recursive: true })
  await cp(join(first.folder, STORE), join(folder, STORE), { recursive: true })
}
await tell('filled')
const all: Measured[] = []
for (const [at, peer] of peers.entries()) {
  peer.launch()
  await until('the peer answers', START_MS_MAX, () => answers(peer))
  all.push({ peer, meter: opened.use(new PeerMeter(peer, endpoints[at] ?? '', SCRAPE_MS)) })
}
await tell('all run')
await until('every peer sees all and has compared IPFS with the pinset', SETTLE_MS_MAX, () =>
  all.every(isSettled),
)
await tell('settled')
await sleep(REST_MS)

const live = all.filter((_, at) => at !== dead)
const victim = all[dead]
assert.ok(victim !== undefined)
for (const { peer, meter } of live) {
  await resetPeak(peer.pid)
  meter.takeLongestBlockMs()
  meter.takeWorstP99Ms()
}
const idleCpu = await cpuOf(live)
await sleep(REST_MS)
const cpuBefore = await cpuOf(live)
const idle = await memories(live)
const idleBlocks = live.map(({ meter }) => meter.takeLongestBlockMs())
const idleP99 = live.map(({ meter }) => meter.takeWorstP99Ms())
const idleShare = cpuBefore.map((ms, at) => (ms - (idleCpu[at] ?? 0)) / REST_MS)
const removesBefore = sum((await nodesOf(stub)).map(({ removesCount }) => removesCount))
let lost = 0
for (let number = 0; number < pins; number++)
  if (keepersOf(numberedCid(number), peersCount).includes(dead)) lost++

/** What was written, held against what should have been. */
async function addChecks(): Promise<void> {
  const ended = await nodesOf(stub, true)
  const held = new Map(ended.map(({ added }, at) => [ids[at] ?? '', new Set(added)]))
  const [asked] = live
  assert.ok(asked !== undefined)
  await until('nobody has anything left to do', SETTLE_MS_MAX, () => live.every(hasNothingToDo))
  await until('all peers have equal pinsets', SETTLE_MS_MAX, () => areEqual(asked.peer, victim?.peer))
  const moved = sum(movedBy(live))
  const checked = await verify(asked, ids, { dead, held })
  await tell(`looked at every entry: ${JSON.stringify(checked)}`)
  const removes = sum(ended.map(({ removesCount }) => removesCount)) - removesBefore
  figures.add({
    work: 'allocations written; entries of the dead peer; others, as they were; entries with the dead peer or without two; whose new peer has nothing; pins unpinned',
    here: [moved, checked.changed, checked.untouched, checked.wrong, checked.withoutSecond, removes].join(
      '; ',
    ),
    goal: `${lost}; ${lost}; ${pins - lost}; 0; 0; 0`,
    isMet:
      moved === lost && checked.changed === lost && checked.wrong + checked.withoutSecond + removes === 0,
  })
  figures.add({
    work: 'largest difference of a live peer from the mean number of copies after that',
    here: `${(checked.spread * 100).toFixed(1)} %`,
    goal: `${SPREAD_MAX * 100} %`,
    isMet: checked.spread <= SPREAD_MAX,
  })
}

/** Whether all but the dead peer report the same digest of their pinsets. */
async function areEqual(asked: PeerProcess, gone: PeerProcess | undefined): Promise<boolean> {
  const metrics: unknown = await (await fetch(`${asked.url}/monitor/metrics/pinset`)).json()
  if (!Array.isArray(metrics)) return false
  const digests = metrics
    .filter(({ peer }: { peer: unknown }) => peer !== gone?.id)
    .map(({ value }: { value: unknown }) => value)
  return digests.length === live.length && new Set(digests).size === 1
}

const movedTooEarly = movedBy(all)
// Peers that get no processor time for long are gone for the others, rightly: what moves then is not what is measured here.
assert.equal(sum(movedTooEarly), 0, `content has moved before the death: ${movedTooEarly.join(' ')}`)
const loads = [await load()]
await tell(`kills a peer that keeps ${lost}`)
const beganMs = performance.now()
await victim.peer.kill()
await until('the first is moved', MOVE_MS_MAX, () => sum(movedBy(live)) > 0)
const firstMs = performance.now()
let toldMs = firstMs
await until('all are moved', MOVE_MS_MAX, async () => {
  if (performance.now() - toldMs > 10_000) {
    toldMs = performance.now()
    await tell(`moved ${movedBy(live).join(' ')}`)
  }
  return sum(movedBy(live)) >= lost || performance.now() - firstMs > windowMs
})
const movedMs = performance.now()
const movedInTime = movedBy(live)
const isWhole = sum(movedInTime) >= lost
await until('all have arrived', MOVE_MS_MAX, async () => {
  return !isWhole || sum((await nodesOf(stub)).map(({ addsCount }) => addsCount)) >= lost
})
const safeMs = performance.now()
const cpuAfter = await cpuOf(live)
loads.push(await load())
await tell('measured')
const during = await memories(live)
const blocks = live.map(({ meter }) => meter.takeLongestBlockMs())
const p99 = live.map(({ meter }) => meter.takeWorstP99Ms())
await sleep(REST_MS)
const after = await memories(live)
const afterBlocks = live.map(({ meter }) => meter.takeLongestBlockMs())
const cpu = cpuAfter.map((ms, at) => (ms - (cpuBefore[at] ?? 0)) / 1000)
const idleCpuS = idleShare.map(share => (share * (safeMs - beganMs)) / 1000)
const under = `${peersCount} peers, ${withCommas(pins)} pins at r = 2, one killed that kept ${withCommas(lost)}, rate ${values.rate}`
const sinceDeath = (ms: number) => `${((ms - beganMs) / 1000).toFixed(1)} s`
figures.add({
  work: `${under}: since it died, the first rewritten / the last / all on two live peers again`,
  here: isWhole
    ? [firstMs, movedMs, safeMs].map(sinceDeath).join(' / ')
    : `${sinceDeath(firstMs)} / not awaited: ${withCommas(sum(movedInTime))} after ${sinceDeath(movedMs)}`,
})
figures.add({
  work: 'rewritten each second: cluster; each peer (most / median / least)',
  here: `${withCommas((sum(movedInTime) * 1000) / (movedMs - firstMs))}; ${spreadOver(
    movedInTime.map(count => (count * 1000) / (movedMs - firstMs)),
    '/s',
  )}`,
})
if (isWhole) await addChecks()
figures.add({
  work: 'processor time of each live peer, from the death on (most / median / least); what idling would have taken; all of it for each pin moved',
  here: `${spreadOver(cpu, 's', 1)}; ${spreadOver(idleCpuS, 's', 1)}; ${((sum(cpu) * 1e3) / sum(movedInTime)).toFixed(2)} ms`,
})
const growth = during.map(({ peakMb }, at) => peakMb - (idle[at]?.residentMb ?? 0))
figures.add({
  work: 'resident memory of each live peer (most / median / least): idle before, at most meanwhile, 20 s after; growth at most',
  here: [
    spreadOver(
      idle.map(({ residentMb }) => residentMb),
      'MB',
    ),
    spreadOver(
      during.map(({ peakMb }) => peakMb),
      'MB',
    ),
    spreadOver(
      after.map(({ residentMb }) => residentMb),
      'MB',
    ),
    `${Math.max(...growth).toFixed(0)} MB`,
  ].join('; '),
  goal: `≤ ${GROWTH_MB_MAX} MB more`,
  isMet: Math.max(...growth) <= GROWTH_MB_MAX,
})
figures.add({
  work: 'longest delay of the event loop of each live peer (most / median / least): idle, meanwhile, 20 s after',
  here: [idleBlocks, blocks, afterBlocks].map(each => spreadOver(each, 'ms')).join('; '),
  goal: `≤ ${BLOCK_MS_MAX} ms`,
  isMet: Math.max(...blocks) <= BLOCK_MS_MAX,
})
figures.add({
  work: '99th percentile of it in the worst second: idle, meanwhile',
  here: [idleP99, p99].map(each => spreadOver(each, 'ms')).join('; '),
})
figures.add({
  work: 'load average of the machine (1, 5, 15 min), before and after',
  here: loads.join('; '),
})
figures.print()
