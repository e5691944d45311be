// What it costs to let pins go on time: a pinset on disk of which every entry expires, most of them spread over days, some soon.
// usage: node --expose-gc bench/expiry.ts [COUNT=1000000] [SOON=5000]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openExpiry } from '../src/cluster/expiry.ts'
import { systemClock } from '../src/lib/clock.ts'
import { createIdentity } from '../src/model/identity.ts'
import { toPin } from '../src/model/pin.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { silentLogger } from '../test/support/silent-logger.ts'
import { openHub, openPinsetOnDisk } from './pinset-on-disk.ts'

const AT_ONCE = 10_000
const DAYS_MS = 7 * 86_400_000
const SOON_AFTER_MS = 60_000
const [count = 1_000_000, soon = 5000] = process.argv.slice(2).map(Number)
const { signal } = new AbortController()
const folder = await mkdtemp(join(tmpdir(), 'expiry-'))
const heapMb = () => {
  globalThis.gc?.()
  return Math.round(process.memoryUsage().heapUsed / 1e5) / 10
}
const rssMb = () => Math.round(process.memoryUsage.rss() / 1e6)
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

try {
  const identity = createIdentity()
  await using opened = await openPinsetOnDisk(folder, { hub: openHub(), identity })
  const { pinset } = opened
  const put = async (count: number, from: number, expiryOf: (number: number) => number) => {
    for (let at = from; at < from + count; at += AT_ONCE) {
      const pins = Array.from({ length: Math.min(AT_ONCE, from + count - at) }, (_, offset) => {
        const number = at + offset
        return toPin(numberedCid(number), { expireAtMs: expiryOf(number), timestampMs: Date.now() })
      })
      await pinset.put(pins, { signal })
    }
  }
  const laterMs = Date.now() + 600_000
  await put(count - soon, 0, number => laterMs + ((number * 7919) % DAYS_MS))
  const soonMs = Math.floor((Date.now() + SOON_AFTER_MS) / 1000) * 1000
  await put(soon, count - soon, () => soonMs)
  const before = { pins: pinset.pinsCount, heapMb: heapMb(), rssMb: rssMb() }
  const cpu = cpuSeconds()
  const beganMs = performance.now()
  const passed = Promise.withResolvers<number>()
  const watched = new Proxy(pinset, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (key === 'pins')
        return async function* (...args: Parameters<typeof pinset.pins>) {
          yield* target.pins(...args)
          passed.resolve(performance.now() - beganMs)
        }
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  await using _expiry = openExpiry(
    {
      self: identity.id,
      clock: systemClock,
      consensus: watched,
      ipfs: { getBlock: async () => new Uint8Array() },
      logger: silentLogger(),
      monitor: { peers: () => [identity.id] },
    },
    { passEveryMs: 3_600_000 },
  )
  const passMs = await passed.promise
  const pass = {
    seconds: Math.round(passMs / 100) / 10,
    cpuSeconds: Math.round((cpuSeconds() - cpu) * 10) / 10,
  }
  const after = { heapMb: heapMb(), rssMb: rssMb() }
  await systemClock.sleep(Math.max(0, soonMs - 1000 - Date.now()), signal)
  const early = before.pins - pinset.pinsCount
  while (pinset.pinsCount > before.pins - soon) await systemClock.sleep(20, signal)
  const lateMs = Date.now() - soonMs
  console.log(JSON.stringify({ before, pass, after, early, gone: soon, allGoneAfterMs: lateMs }, null, 1))
} finally {
  await rm(folder, { recursive: true, force: true })
}
