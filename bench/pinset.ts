// How fast one pinset takes writes, alone on LevelDB. A table on stdout.
// usage: node bench/pinset.ts [PINS=100000] [WRITERS=50]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createIdentity } from '../src/model/identity.ts'
import { toPin } from '../src/model/pin.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { openHub, openPinsetOnDisk } from './pinset-on-disk.ts'

const pinsCount = Number(process.argv[2] ?? 100_000)
const writersCount = Number(process.argv[3] ?? 50)
const options = { signal: new AbortController().signal }
const folder = await mkdtemp(join(tmpdir(), 'pinfold-bench-'))
const identity = createIdentity()
const hub = openHub()
const open = () => openPinsetOnDisk(folder, { hub, identity })

const rows: Record<string, string | number>[] = []
async function measure(what: string, count: number, work: () => Promise<void>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpu = process.cpuUsage()
  const started = performance.now()
  await work()
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  rows.push({
    what,
    count,
    seconds: seconds.toFixed(2),
    'per second': Math.round(count / seconds),
    'cpu µs each': ((used.user + used.system) / count).toFixed(0),
    'longest block ms': (delay.max / 1e6).toFixed(0),
    'rss MB': Math.round(process.memoryUsage.rss() / 1e6),
  })
}

/** Writers that each wait for the answer before the next write, as connections do. */
async function write(count: number, one: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const writer = async () => {
    while (next < count) await one(next++)
  }
  await Promise.all(Array.from({ length: writersCount }, writer))
}

let opened = await open()
const pinOf = (index: number, name: string) => toPin(numberedCid(index), { name: `${name} ${index}` })
await measure(`add, ${writersCount} at once`, pinsCount, () =>
  write(pinsCount, i => opened.pinset.put([pinOf(i, 'pin')], options)),
)
await measure(`replace, ${writersCount} at once`, pinsCount, () =>
  write(pinsCount, i => opened.pinset.put([pinOf(i, 'again')], options)),
)
await measure('add in one call', pinsCount, () =>
  opened.pinset.put(
    Array.from({ length: pinsCount }, (_, i) => pinOf(pinsCount + i, 'bulk')),
    options,
  ),
)
await measure(`get, ${writersCount} at once`, pinsCount, () =>
  write(pinsCount, async i => void (await opened.pinset.get(numberedCid(i)))),
)
await measure('list', pinsCount * 2, async () => {
  let count = 0
  for await (const _pin of opened.pinset.pins({}, options)) count++
  if (count !== pinsCount * 2) throw new Error(`listed ${count}`)
})
await measure('close and open', 1, async () => {
  await opened[Symbol.asyncDispose]()
  opened = await open()
})
await measure(`remove, ${writersCount} at once`, pinsCount, () =>
  write(pinsCount, i => opened.pinset.remove([numberedCid(i)], options)),
)
await opened[Symbol.asyncDispose]()
console.table(rows)
await rm(folder, { recursive: true })
