// What guests that mean no good cost a daemon: idle, slow, leaving and greedy ones. A table on stdout.
// usage: node bench/doors.ts [CONNECTIONS=10000] [PINS=100000]
import { systemClock } from '../src/lib/clock.ts'
import {
  type Guests,
  holdingsOf,
  leaveEarly,
  openGuests,
  pinNumbers,
  slowestOf,
} from '../test/support/door-guests.ts'
import { eventually } from '../test/support/eventually.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { freePort, openPeerProcesses } from '../test/support/peer-processes.ts'
import { program } from './program.ts'

const [connections = 10_000, pins = 100_000] = process.argv.slice(2).map(Number)
const ONE = 'GET /version HTTP/1.1\r\nHost: x\r\n\r\n'
const LIST = 'GET /pins HTTP/1.1\r\nHost: x\r\n\r\n'
const UPLOAD =
  'POST /add HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n' +
  '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nabc'
const pause = (ms: number) => systemClock.sleep(ms, AbortSignal.timeout(ms + 5000))

await using processes = await openPeerProcesses()
// Nothing answers there: the pins stay queued and cost nothing more.
const peer = await processes.add({
  program,
  kubo: `/ip4/127.0.0.1/tcp/${await freePort()}`,
  environment: { CLUSTER_RESTAPI_READHEADERTIMEOUT: '60s' },
})
const port = Number(new URL(peer.url).port)
function* cids(): Iterable<string> {
  for (let number = 0; number < pins; number += 1) yield numberedCid(number).toString()
}
await pinNumbers(port, cids())
// What is loaded with the first request of a kind is nobody's fault.
for (let warm = 0; warm < 5; warm += 1) await leaveEarly(port, '/pins', 1e9)
await pause(5000)

const rows: Record<string, string | number>[] = []
async function row(what: string, count: number, guests: () => Promise<Guests | undefined>): Promise<void> {
  const before = await holdingsOf(peer.pid)
  const opened = await guests()
  await pause(3000)
  const during = await holdingsOf(peer.pid)
  const slowest = await slowestOf(port, 50)
  const open = opened?.openCount() ?? 0
  opened?.[Symbol.dispose]()
  await eventually(
    'files are closed',
    async () => (await holdingsOf(peer.pid)).files <= before.files + 5,
    20_000,
  )
  await pause(3000)
  const after = await holdingsOf(peer.pid)
  const line = {
    what,
    count,
    'still open': open,
    'MB before': (before.memoryKb / 1024).toFixed(0),
    'MB during': (during.memoryKb / 1024).toFixed(0),
    'KB each': ((during.memoryKb - before.memoryKb) / count).toFixed(1),
    'MB after': (after.memoryKb / 1024).toFixed(0),
    'slowest /version of 50, ms': slowest.toFixed(0),
    'files after − before': after.files - before.files,
    'CPU ms': during.cpuMs - before.cpuMs,
  }
  rows.push(line)
  console.error(Object.values(line).join('  '))
}
const many = async (count: number, one: () => Promise<void>) => {
  for (let at = 0; at < count; at += 10) await Promise.all(Array.from({ length: 10 }, one))
  return undefined
}

await row('silent connections', connections, () => openGuests(port, connections, ''))
await row('half of a head', connections, () => openGuests(port, connections, ONE.slice(0, 30)))
await row('idle behind a request', connections, () => openGuests(port, connections, ONE))
await row('GET /pins, read by nobody', 200, () => openGuests(port, 200, LIST, { isReading: false }))
await row('GET /pins, left in the middle', 500, () => many(500, () => leaveEarly(port, '/pins', 100_000)))
await row('uploads that stand still', 500, () => openGuests(port, 500, UPLOAD))
await row('1,300 requests ahead, read by nobody', 50, () =>
  openGuests(port, 50, 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1300), { isReading: false }),
)
await row('silent connections, again', connections, () => openGuests(port, connections, ''))
console.table(rows)
