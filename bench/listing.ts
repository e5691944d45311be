// How fast `GET /allocations` lists a pinset, whole, in pages and filtered, and whether the server stays awake and small.
// The server is a process of its own: a real REST API over a real pinset on LevelDB. A table on stdout.
// usage: node bench/listing.ts [PINS=100000] [FOLDER]     FOLDER is filled when it is empty, used as it is otherwise, and kept.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createNoopMeter } from '@opentelemetry/api'
import { toConsensusConfig } from '../src/consensus/config.ts'
import { openPinset } from '../src/consensus/pinset.ts'
import { systemClock } from '../src/lib/clock.ts'
import { systemRandom } from '../src/lib/random.ts'
import { createIdentity } from '../src/model/identity.ts'
import { type Pin, toPin } from '../src/model/pin.ts'
import { openLevel } from '../src/store/level.ts'
import { fakeNetwork } from '../test/support/fake-network.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { openRestServer } from '../test/support/rest-server.ts'
import { silentLogger } from '../test/support/silent-logger.ts'

interface ServerState {
  readonly port: number
  readonly cpuMs: number
  readonly longestBlockMs: number
  /** Without the files of the database that are mapped into memory. */
  readonly memoryMb: number
}

const options = { signal: new AbortController().signal }
const [, , first = '100000', second] = process.argv

async function open(folder: string) {
  const identity = createIdentity()
  const stack = new AsyncDisposableStack()
  const store = stack.use(await openLevel(folder))
  const network = stack.use(fakeNetwork({ clock: systemClock, random: systemRandom }).join(identity.id))
  const seams = { clock: systemClock, random: systemRandom, logger: silentLogger(), meter: createNoopMeter() }
  const config = toConsensusConfig({
    cluster_name: 'bench',
    trusted_peers: ['*'],
    batching: { max_batch_size: 0, max_batch_age: '0s', max_queue_size: 50_000 },
    repair_interval: '1h',
    partitions: 4096,
    memory_budget: 64 * 1024 * 1024,
    forget_peers_after: '720h',
    clock_drift_max: '5m',
  })
  const pinset = stack.use(await openPinset({ identity, network, store, ...seams }, config))
  return { pinset, stack }
}

const PEERS = Array.from({ length: 5 }, () => createIdentity().id)

/** A pin as applications make them: a name, two of five peers, metadata on some, another type on few. */
function pinOf(index: number): Pin {
  const allocations = [PEERS[index % 5], PEERS[(index + 1) % 5]].filter(peer => peer !== undefined)
  return toPin(numberedCid(index), {
    name: `album ${index % 1000} / picture ${index}.jpg`,
    replicationMin: 1,
    replicationMax: 2,
    allocations,
    timestampMs: 1_700_000_000_000 + index * 1000,
    metadata: index % 10 === 0 ? { owner: `user ${index % 1000}`, project: 'bench' } : {},
    type: index % 1000 === 999 ? 'meta-pin' : 'pin',
  })
}

async function fill(folder: string, count: number): Promise<void> {
  const { pinset, stack } = await open(folder)
  await using _all = stack
  for (let at = 0; at < count; at += 10_000) {
    const length = Math.min(10_000, count - at)
    const pins = Array.from({ length }, (_, offset) => pinOf(at + offset))
    await pinset.put(pins, options)
  }
}

function ownMemoryMb(): number {
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  const own = /^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]
  return own === undefined ? process.memoryUsage.rss() / 1e6 : Number(own) / 1000
}

/** The server's process: told "reset" or "state", it answers with its state. */
async function serve(folder: string): Promise<void> {
  const { pinset } = await open(folder)
  const server = await openRestServer({ allocations: (range, given) => pinset.pins(range, given) })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  let before = process.cpuUsage()
  process.on('message', message => {
    const used = process.cpuUsage(before)
    const state: ServerState = {
      port: server.port,
      cpuMs: (used.user + used.system) / 1000,
      longestBlockMs: delay.max / 1e6,
      memoryMb: ownMemoryMb(),
    }
    if (message === 'reset') {
      delay.reset()
      before = process.cpuUsage()
    }
    process.send?.(state)
  })
  process.send?.('ready')
}

async function tell(child: ChildProcess, what: 'reset' | 'state'): Promise<ServerState> {
  child.send(what)
  const [state] = await once(child, 'message')
  return state as ServerState
}

interface Listing {
  readonly firstByteMs: number
  readonly ms: number
  readonly lines: number
  readonly bytes: number
  readonly last: string
}

/** Reads an answer whole without making objects of it, as the server is what is measured. */
async function list(port: number, query: string): Promise<Listing> {
  const began = performance.now()
  const request = http.get({ port, host: '127.0.0.1', path: `/allocations${query}` })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let firstByteMs = Number.NaN
  let lines = 0
  let bytes = 0
  let tail = ''
  response.on('data', (chunk: Buffer) => {
    if (bytes === 0) firstByteMs = performance.now() - began
    bytes += chunk.length
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++
    tail = (tail + chunk.toString('latin1', Math.max(0, chunk.length - 2000))).slice(-2000)
  })
  await once(response, 'end')
  const last = tail.trimEnd().split('\n').at(-1) ?? ''
  const cid = /"cid":"(\w+)"/.exec(last)?.[1] ?? ''
  if (response.statusCode !== 200 && response.statusCode !== 204) throw new Error(`${query}: ${tail}`)
  return { firstByteMs, ms: performance.now() - began, lines, bytes, last: cid }
}

async function measure(folder: string, count: number): Promise<void> {
  const child = fork(import.meta.filename, ['serve', folder])
  await once(child, 'message')
  const { port } = await tell(child, 'state')
  const rows: Record<string, string | number>[] = []
  const row = async (what: string, query: string) => {
    const before = await tell(child, 'reset')
    const listing = await list(port, query)
    const after = await tell(child, 'state')
    rows.push({
      what,
      pins: listing.lines,
      ms: listing.ms.toFixed(1),
      'first byte ms': listing.firstByteMs.toFixed(1),
      'server CPU ms': after.cpuMs.toFixed(0),
      'longest block ms': after.longestBlockMs.toFixed(1),
      'MB before': before.memoryMb.toFixed(0),
      'MB after': after.memoryMb.toFixed(0),
    })
    return listing
  }
  await row('first page of 100, cold', '?limit=100')
  await row('first page of 100', '?limit=100')
  await row('whole, cold', '')
  await row('whole', '')
  await row('whole', '')
  const middle = await list(port, `?limit=${Math.floor(count / 2)}`)
  const deep = await list(port, `?limit=${count - 200}`)
  await row('page of 100 from the middle', `?limit=100&after=${middle.last}`)
  await row('page of 100 near the end', `?limit=100&after=${deep.last}`)
  await row('filter: a type, 1 in 1,000', '?filter=meta-pin')
  await row('filter: a name, 1 in 1,000', '?name-prefix=album+77+')
  await row('filter: metadata, 1 in 1,000', '?meta-owner=user+70')
  await row('filter: nothing fits', '?name-prefix=no+such')
  await row('first page of 100 of a filter', '?filter=meta-pin&limit=100')
  await row('whole, again', '')
  console.table(rows)
  child.kill()
}

if (first === 'serve') await serve(second ?? '')
else {
  const count = Number(first)
  const folder = second ?? (await mkdtemp(join(tmpdir(), 'pinfold-bench-')))
  const isFilled = second !== undefined && (await readdir(folder).catch(() => [])).length > 0
  if (!isFilled) await fill(folder, count)
  await measure(folder, count)
  if (second === undefined) await rm(folder, { recursive: true })
}
