// What a new, empty peer of a large cluster needs until its IPFS node holds everything: memory over time and at most, what
// waits, processor time, seconds. The store of the other peer is filled by fill.ts; both are real processes on loopback.
// usage: node bench/join-memory.ts [PINS=1000000] [PIN_DELAY_MS=0]     PIN_DELAY_MS: how long the new peer's stub takes for a pin
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPeerProcesses } from '../test/support/peer-processes.ts'
import { cpuMsOf } from './cpu-time.ts'
import { withCommas } from './figure.ts'
import { metricsEndpoint, PeerMeter } from './peer-meter.ts'
import { program } from './program.ts'
import { startStub } from './stub.ts'

const LOOK_EVERY_MS = 250
const ROW_EVERY_MS = 5000
const MS_MAX = 1_200_000
const COLUMNS = {
  pins: 'ipfscluster_pins',
  'names to look at': 'ipfscluster_tracker_changed_names',
  queued: 'ipfscluster_pins_pin_queued',
  pinned: 'ipfscluster_tracker_known_pins',
} as const

/** Program, libraries and the tables of the database: the system may drop these pages when it needs them. */
async function mappedFilesMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return (Number(/RssFile:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024) / 1e6
}

const [pins = 1_000_000, delayMs = 0] = process.argv.slice(2).map(Number)
await using processes = await openPeerProcesses()
await using full = await startStub('full-ipfs.ts', String(pins))
await using empty = await startStub('yardstick/stub-ipfs.mjs', String(delayMs))
const serving = await processes.add({ kubo: full.address, program })
const { url, environment } = await metricsEndpoint()
const joining = await processes.add({ kubo: empty.address, environment, program })
await joining.stop()
await serving.stop()
const fill = spawn(process.execPath, [join(import.meta.dirname, 'fill.ts'), serving.folder, String(pins)], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
const [code] = await once(fill, 'exit')
if (code !== 0) throw new Error(`fill.ts ended with ${code}`)
await serving.start()
await using meter = new PeerMeter(joining, url, LOOK_EVERY_MS)
const began = performance.now()
joining.launch()
console.log(
  `| s | ${Object.keys(COLUMNS).join(' | ')} | memory, MB | of it pages of files | JavaScript heap | outside of it |`,
)
console.log(`|${' ---: |'.repeat(Object.keys(COLUMNS).length + 5)}`)
const seconds = () => (performance.now() - began) / 1000
let haveAllS: number | undefined
let peakWhenAll = 0
for (let nextRowMs = 0; ; ) {
  await sleep(LOOK_EVERY_MS)
  const counts = Object.values(COLUMNS).map(name => meter.latest(name))
  const { residentMb, peakMb } = await meter.memory()
  const filesMb = await mappedFilesMb(joining.pid)
  const [pinsCount = 0, , , pinned = 0] = counts
  if (haveAllS === undefined && pinsCount === pins) [haveAllS, peakWhenAll] = [seconds(), peakMb]
  const isDone = pinned >= pins
  if (isDone || performance.now() - began >= nextRowMs) {
    nextRowMs += ROW_EVERY_MS
    const mb = (name: string) => (meter.latest(name) / 1e6).toFixed(0)
    const cells = [seconds().toFixed(0), ...counts.map(withCommas), residentMb.toFixed(0), filesMb.toFixed(0)]
    console.log(
      `| ${[...cells, mb('nodejs_heap_size_used_bytes'), mb('nodejs_external_memory_bytes')].join(' | ')} |`,
    )
  }
  if (isDone) break
  if (performance.now() - began > MS_MAX) throw new Error(joining.log().slice(-2000))
}
const { peakMb } = await meter.memory()
console.log(
  `\n${withCommas(pins)} pins: in the pinset after ${haveAllS?.toFixed(1)} s (${peakWhenAll.toFixed(0)} MB at most), ` +
    `in IPFS after ${seconds().toFixed(1)} s (${peakMb.toFixed(0)} MB at most); ` +
    `processor time ${((await cpuMsOf(joining.pid)) / 1000).toFixed(1)} s, ` +
    `longest event-loop block ${meter.takeLongestBlockMs().toFixed(0)} ms`,
)
