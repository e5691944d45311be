// What pins leave behind that came and went: a pinset after CYCLES pin/unpin cycles of the same CIDs against a fresh one that
// holds the same pins. Two peers in one process take turns, and each run of a peer is a writer of its own. A table on stdout.
// usage: node --expose-gc bench/churn.ts [CYCLES=1000000] [CIDS=10000] [RUNS=10]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'
import { createIdentity } from '../src/model/identity.ts'
import { type Pin, toPin } from '../src/model/pin.ts'
import { eventually } from '../test/support/eventually.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { Figures, withCommas } from './figure.ts'
import { openHub, openPinsetOnDisk, type PinsetOnDisk } from './pinset-on-disk.ts'

const [first = '1000000', second = '10000', third = '10', part] = process.argv.slice(2)
const [cycles, cidsCount, runs] = [Number(first), Number(second), Number(third)]
const AT_ONCE = 10_000
const CHANGED = 100
/** Peers tell each other their digests so often, as heartbeats do. */
const HEARTBEAT_MS = 1000
/** For what the peers tidy up while nothing is written. */
const REST_MS = 5000
const EQUAL_MS_MAX = 120_000
const RATIO_MAX = 2
/** Differences of a heap below this are chance. */
const HEAP_NOISE_MB = 1
const MB = 1e6
const { gc } = globalThis
if (gc === undefined) throw new Error('run with --expose-gc')
const options = { signal: new AbortController().signal }
const root = await mkdtemp(join(tmpdir(), 'pinfold-churn-'))

const pinOf = (number: number): Pin =>
  toPin(numberedCid(number), { name: `backup of 2026, part ${number}`, timestampMs: 1_790_000_000_000 })
const pins = Array.from({ length: cidsCount }, (_, number) => pinOf(number))

async function putAll({ pinset }: PinsetOnDisk): Promise<void> {
  for (let at = 0; at < pins.length; at += AT_ONCE) await pinset.put(pins.slice(at, at + AT_ONCE), options)
}

async function removeAll({ pinset }: PinsetOnDisk): Promise<void> {
  for (let at = 0; at < pins.length; at += AT_ONCE) {
    await pinset.remove(
      pins.slice(at, at + AT_ONCE).map(({ cid }) => cid),
      options,
    )
  }
}

async function equal(a: PinsetOnDisk, b: PinsetOnDisk): Promise<void> {
  let heardMs = performance.now()
  await eventually(
    'both pinsets are equal',
    () => {
      if (performance.now() - heardMs > HEARTBEAT_MS) {
        heardMs = performance.now()
        exchangeDigests(a, b)
      }
      return a.pinset.rootDigest === b.pinset.rootDigest
    },
    EQUAL_MS_MAX,
  )
}

function exchangeDigests(a: PinsetOnDisk, b: PinsetOnDisk): void {
  a.pinset.noticeDigest(b.self, b.pinset.rootDigest)
  b.pinset.noticeDigest(a.self, a.pinset.rootDigest)
}

async function rest(a: PinsetOnDisk, b: PinsetOnDisk): Promise<void> {
  for (let ms = 0; ms < REST_MS; ms += HEARTBEAT_MS) {
    exchangeDigests(a, b)
    await sleep(HEARTBEAT_MS)
  }
}

/** Makes the folders of two peers that hold all pins, after so many cycles. */
async function makePair(name: string, cyclesCount: number) {
  const folders = [join(root, `${name}-a`), join(root, `${name}-b`)] as const
  const identities = [createIdentity(), createIdentity()] as const
  const rounds = Math.ceil(cyclesCount / cidsCount)
  const roundsPerRun = Math.max(1, Math.ceil(rounds / runs))
  for (let done = 0; ; done += roundsPerRun) {
    const hub = openHub()
    await using a = await openPinsetOnDisk(folders[0], { hub, identity: identities[0] })
    await using b = await openPinsetOnDisk(folders[1], { hub, identity: identities[1] })
    for (let round = done; round < Math.min(rounds, done + roundsPerRun); round++) {
      const [writer, other] = round % 2 === 0 ? [a, b] : [b, a]
      await putAll(writer)
      await equal(writer, other)
      await removeAll(writer)
      await equal(writer, other)
      if (round % 10 === 9) console.error(`${name}: ${(round + 1) * cidsCount} cycles`)
    }
    if (done + roundsPerRun < rounds) continue
    await putAll(a)
    await equal(a, b)
    await rest(a, b)
    return { folder: folders[0], identity: identities[0] }
  }
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder)
  const sizes = await Promise.all(names.map(async name => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function compact(folder: string): Promise<void> {
  const encoding = { keyEncoding: 'view', valueEncoding: 'view' } as const
  const level = new ClassicLevel<Uint8Array, Uint8Array>(folder, encoding)
  await level.open()
  await level.compactRange(new Uint8Array(), new Uint8Array(16).fill(255))
  await level.close()
}

function heapBytes(): number {
  gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** What it takes for a peer to become equal to another: bytes over the wire, processor time of both together. */
async function sync(from: PinsetOnDisk, open: () => Promise<PinsetOnDisk>) {
  const began = process.cpuUsage()
  await using to = await open()
  await equal(from, to)
  const { user, system } = process.cpuUsage(began)
  return { bytes: to.requestedBytes, cpuMs: (user + system) / 1000 }
}

interface Costs {
  readonly rawBytes: number
  readonly diskBytes: number
  readonly openHeapBytes: number
  readonly syncedHeapBytes: number
  readonly full: Awaited<ReturnType<typeof sync>>
  readonly diff: Awaited<ReturnType<typeof sync>>
}

/** In a process of its own, so that both begin with the same heap. */
async function measureApart(name: 'fresh' | 'churned'): Promise<Costs> {
  const child = fork(import.meta.filename, [first, second, third, name], { execArgv: ['--expose-gc'] })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${name} ended with ${code}`)
  })
  const [costs] = await Promise.race([once(child, 'message'), ended])
  await ended.catch(() => undefined)
  return costs as Costs
}

async function measure(name: string, cyclesCount: number): Promise<Costs> {
  const { folder, identity } = await makePair(name, cyclesCount)
  const rawBytes = await bytesIn(folder)
  await compact(folder)
  const diskBytes = await bytesIn(folder)
  const before = heapBytes()
  const hub = openHub()
  await using opened = await openPinsetOnDisk(folder, { hub, identity })
  if (opened.pinset.pinsCount !== cidsCount) throw new Error(`${opened.pinset.pinsCount} pins`)
  const openHeapBytes = heapBytes() - before
  const other = createIdentity()
  const openOther = () => openPinsetOnDisk(join(root, `${name}-other`), { hub, identity: other })
  const full = await sync(opened, openOther)
  const syncedHeapBytes = heapBytes() - before
  const changed = pins.slice(0, CHANGED).map(pin => ({ ...pin, name: `${pin.name}, again` }))
  await opened.pinset.put(changed, options)
  const diff = await sync(opened, openOther)
  return { rawBytes, diskBytes, openHeapBytes, syncedHeapBytes, full, diff }
}

const figures = new Figures()
const after = `after ${withCommas(cycles)} pin/unpin cycles of ${withCommas(cidsCount)} CIDs`
function compare(what: string, churn: number, base: number, unit: string, isGoal = true): void {
  const ratio = churn / base
  figures.add({
    work: `${after}: ${what}, against a fresh pinset with the same pins`,
    here: `× ${ratio.toFixed(2)} (${churn.toFixed(2)} / ${base.toFixed(2)} ${unit})`,
    ...(isGoal ? { goal: `× ${RATIO_MAX}`, isMet: ratio <= RATIO_MAX } : {}),
  })
}

function heapMb(bytes: number): number {
  return Math.max(HEAP_NOISE_MB, bytes / MB)
}

async function compareAll(): Promise<void> {
  const [fresh, churned] = [await measureApart('fresh'), await measureApart('churned')]
  compare('disk, as it is', churned.rawBytes / MB, fresh.rawBytes / MB, 'MB', false)
  compare('disk, compacted', churned.diskBytes / MB, fresh.diskBytes / MB, 'MB')
  compare('heap once opened', heapMb(churned.openHeapBytes), heapMb(fresh.openHeapBytes), 'MB')
  compare(
    'heap once a new peer was served',
    heapMb(churned.syncedHeapBytes),
    heapMb(fresh.syncedHeapBytes),
    'MB',
  )
  compare('bytes to a new peer', churned.full.bytes / MB, fresh.full.bytes / MB, 'MB')
  compare('processor time to a new peer', churned.full.cpuMs, fresh.full.cpuMs, 'ms')
  compare(`bytes for ${CHANGED} changed pins`, churned.diff.bytes / MB, fresh.diff.bytes / MB, 'MB')
  figures.print()
}

if (part === undefined) await compareAll()
else {
  // What the runtime keeps of code that ran once is there before the heap is looked at.
  await measure('warm', 0)
  process.send?.(await measure(part, part === 'fresh' ? 0 : cycles))
}
await rm(root, { recursive: true })
