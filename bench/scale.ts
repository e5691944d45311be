// What the size of the pinset does to a peer: restart, memory, disk, a new peer that joins, one that was away, and how long
// the event loop is blocked in all of these. The store is filled by fill.ts; the peers are real processes.
// usage: node bench/scale.ts [PINS…=0 1000 100000 1000000]     10000000 takes many minutes to fill
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../test/support/eventually.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { openPeerProcesses, type PeerProcess } from '../test/support/peer-processes.ts'
import { Figures, withCommas } from './figure.ts'
import { metricsEndpoint, PeerMeter } from './peer-meter.ts'
import { program } from './program.ts'
import { startStub } from './stub.ts'

/** A new peer fetches no more pins than this: it is the fetching that is measured, not patience. */
const JOIN_MAX = 2_000_000
const RESTARTS = 3
const SETTLED_MS = 5000
/** The unit of processor time in /proc. */
const TICK_MS = 10
const MISSED = { added: 1200, removed: 800 }
const JOIN_GOAL_S = new Map([
  [100_000, 5],
  [1_000_000, 50],
])
const MEMORY_GOAL_MB = [
  [0, 130],
  [100_000, 200],
  [1_000_000, 300],
  [10_000_000, 400],
] as const
const REFERENCE_JOIN = new Map([
  [100_000, '17.3 s, 528 MB'],
  [1_000_000, '141 s, 3,620 MB (851,427)'],
])
const REFERENCE_MEMORY = new Map([
  [0, '54 MB'],
  [100_000, '228, 180 MB'],
  [1_000_000, '3,552, 400 MB (851,427)'],
])

const figures = new Figures()
let longestBlock = { ms: 0, when: '' }

async function runScript(name: string, ...args: string[]): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, name), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${name} ended with ${code}`)
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size
  return bytes
}

/** From the start of the process to the first answer over HTTP, and the processor time that it took till then. */
async function restart(peer: PeerProcess): Promise<{ ms: number; cpuMs: number }> {
  const began = performance.now()
  peer.launch()
  while (performance.now() - began < 120_000) {
    const isThere = await fetch(`${peer.url}/id`).then(
      response => response.body?.cancel().then(() => response.ok),
      () => false,
    )
    if (isThere === true) return { ms: performance.now() - began, cpuMs: await cpuMsOf(peer) }
    await sleep(5)
  }
  throw new Error(`no answer: ${peer.log().slice(-2000)}`)
}

async function cpuMsOf({ pid }: PeerProcess): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** Until IPFS was compared with the pinset, and nothing is left to do. */
async function settled(meter: PeerMeter, pins: number): Promise<void> {
  await meter.until(
    'the tracker has compared pinset and IPFS',
    metric =>
      metric('ipfscluster_tracker_sweeps_total') > 0 && metric('ipfscluster_tracker_known_pins') >= pins,
    300_000,
  )
  await sleep(SETTLED_MS)
}

async function equalDigests(a: PeerProcess, b: PeerProcess): Promise<void> {
  await eventually(
    'both peers report the same digest of their pinsets',
    async () => {
      const metrics: unknown = await (await fetch(`${a.url}/monitor/metrics/pinset`)).json()
      const digests = Array.isArray(metrics) ? metrics.map(({ value }: { value: unknown }) => value) : []
      return digests.length === 2 && digests[0] === digests[1]
    },
    60_000,
  ).catch((error: unknown) => {
    throw new Error(`${a.url} and ${b.url} differ`, { cause: error })
  })
}

function noteBlock(meter: PeerMeter, when: string): string {
  const ms = meter.takeLongestBlockMs()
  if (ms > longestBlock.ms) longestBlock = { ms, when }
  return `${ms.toFixed(0)} ms`
}

async function measureRest(peer: PeerProcess, meter: PeerMeter, pins: number): Promise<void> {
  const times: Awaited<ReturnType<typeof restart>>[] = []
  for (let run = 0; run < RESTARTS; run++) {
    if (run > 0) await peer.stop()
    times.push(await restart(peer))
  }
  const { ms = 0, cpuMs = 0 } = times.toSorted((a, b) => a.ms - b.ms)[Math.floor(RESTARTS / 2)] ?? {}
  const size = `${withCommas(pins)} pins`
  figures.add({
    work: `restart until HTTP answers, ${size}, median of ${RESTARTS} (processor time)`,
    goal: '≤ 1 s',
    reference: pins === 100_000 ? '0.9 s' : '–',
    here: `${(ms / 1000).toFixed(2)} s (${(cpuMs / 1000).toFixed(2)} s)`,
    isMet: ms <= 1000,
  })
  await settled(meter, pins)
  const { residentMb, peakMb } = await meter.memory()
  const [js, outside] = [
    await meter.metric('nodejs_heap_size_used_bytes'),
    await meter.metric('nodejs_external_memory_bytes'),
  ]
  const goalMb = MEMORY_GOAL_MB.find(([goalPins]) => pins <= goalPins)?.[1]
  figures.add({
    work: `memory of a peer at rest, ${pins === 0 ? 'no pins' : size} (at most since its start; JavaScript heap and buffers)`,
    goal: goalMb === undefined ? '–' : `≤ ${goalMb} MB`,
    reference: REFERENCE_MEMORY.get(pins) ?? '–',
    here: `${residentMb.toFixed(0)} MB (${peakMb.toFixed(0)} MB; ${((js + outside) / 1e6).toFixed(0)} MB)`,
    ...(goalMb === undefined ? {} : { isMet: residentMb <= goalMb }),
  })
  figures.add({
    work: `longest event-loop block: start and comparison with IPFS, ${size}`,
    goal: '≤ 50 ms',
    ...blockHere([meter], `the start with ${size}`),
  })
}

function blockHere(meters: readonly PeerMeter[], when: string) {
  const blocks = meters.map(meter => noteBlock(meter, when))
  return { here: blocks.join(', '), isMet: blocks.every(block => Number.parseFloat(block) <= 50) }
}

async function measureJoin(
  serving: { peer: PeerProcess; meter: PeerMeter },
  joining: { peer: PeerProcess; meter: PeerMeter },
  pins: number,
): Promise<void> {
  const began = performance.now()
  joining.peer.launch()
  await joining.meter.until(
    'the new peer has all pins',
    metric => metric('ipfscluster_pins') === pins,
    600_000,
  )
  const seconds = (performance.now() - began) / 1000
  const { peakMb } = await joining.meter.memory()
  await equalDigests(serving.peer, joining.peer)
  const goalS = JOIN_GOAL_S.get(pins)
  figures.add({
    work: `new, empty peer gets ${withCommas(pins)} pins, from its start (its memory at most)`,
    goal: goalS === undefined ? '–' : `≤ ${goalS} s, < 300 MB`,
    reference: REFERENCE_JOIN.get(pins) ?? '–',
    here: `${seconds.toFixed(1)} s, ${peakMb.toFixed(0)} MB`,
    ...(goalS === undefined ? {} : { isMet: seconds <= goalS && peakMb < 300 }),
  })
  figures.add({
    work: `longest event-loop block meanwhile: the new peer, the one that serves it`,
    goal: '≤ 50 ms',
    ...blockHere([joining.meter, serving.meter], `a new peer with ${withCommas(pins)} pins`),
  })
}

async function send(peer: PeerProcess, method: string, from: number, count: number): Promise<void> {
  let next = from
  const worker = async () => {
    while (next < from + count) {
      const cid = numberedCid(next++).toString()
      const response = await fetch(`${peer.url}/pins/${cid}`, { method })
      if (!response.ok) throw new Error(`${method} ${cid}: ${await response.text()}`)
      await response.body?.cancel()
    }
  }
  await Promise.all(Array.from({ length: 20 }, worker))
}

async function measureAbsence(
  staying: { peer: PeerProcess; meter: PeerMeter },
  away: { peer: PeerProcess; meter: PeerMeter },
  pins: number,
): Promise<void> {
  const { added, removed } = MISSED
  await away.peer.stop()
  await send(staying.peer, 'POST', pins, added)
  await send(staying.peer, 'DELETE', 0, removed)
  noteBlock(staying.meter, 'single changes')
  const began = performance.now()
  away.peer.launch()
  const want = pins + added - removed
  await away.meter.until(
    'the peer has what it missed',
    metric => metric('ipfscluster_pins') === want,
    300_000,
  )
  const seconds = (performance.now() - began) / 1000
  const bytes = await away.meter.metric('ipfscluster_pinset_pulled_bytes')
  await equalDigests(staying.peer, away.peer)
  figures.add({
    work: `peer that missed ${withCommas(added)} pins and ${withCommas(removed)} removals of ${withCommas(pins)} pins: equal, from its start (fetched)`,
    here: `${seconds.toFixed(1)} s (${(bytes / 1e6).toFixed(2)} MB)`,
  })
  noteBlock(staying.meter, 'serving a peer that was away')
  noteBlock(away.meter, 'coming back')
}

async function measure(pins: number): Promise<void> {
  await using processes = await openPeerProcesses()
  await using meters = new AsyncDisposableStack()
  await using full = await startStub('full-ipfs.ts', String(pins))
  await using empty = await startStub('yardstick/stub-ipfs.mjs')
  const open = async (kubo: string) => {
    const { url, environment } = await metricsEndpoint()
    const peer = await processes.add({ kubo, environment, program })
    return { peer, meter: meters.use(new PeerMeter(peer, url)) }
  }
  const first = await open(full.address)
  const second = pins > 0 && pins <= JOIN_MAX ? await open(empty.address) : undefined
  await second?.peer.stop()
  await first.peer.stop()
  if (pins > 0) await runScript('fill.ts', first.peer.folder, String(pins))
  first.meter.takeLongestBlockMs()
  second?.meter.takeLongestBlockMs()
  await measureRest(first.peer, first.meter, pins)
  if (pins >= 100_000) {
    const mb = (await bytesIn(first.peer.folder)) / 1e6
    figures.add({
      work: `disk, ${withCommas(pins)} pins with a name each`,
      ...(pins === 1_000_000 ? { goal: '≤ 400 MB', isMet: mb <= 400 } : {}),
      reference: pins === 100_000 ? '42 MB' : pins === 1_000_000 ? '673 MB (851,427)' : '–',
      here: `${mb.toFixed(0)} MB`,
    })
  }
  if (second === undefined) return
  await measureJoin(first, second, pins)
  await measureAbsence(first, second, pins)
}

const sizes = process.argv.slice(2).map(Number)
for (const pins of sizes.length > 0 ? sizes : [0, 1000, 100_000, 1_000_000]) await measure(pins)
figures.add({
  work: 'longest event-loop block in all of these',
  goal: '≤ 50 ms',
  here: `${longestBlock.ms.toFixed(0)} ms (${longestBlock.when})`,
  isMet: longestBlock.ms <= 50,
})
figures.print()
