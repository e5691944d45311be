import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../../src/lib/random.ts'
import { eventually } from '../support/eventually.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { type Damage, Ledger } from './ledger.ts'
import { difference, listingOf } from './listing.ts'
import { startStubIpfs } from './stub-ipfs.ts'
import { makeWriter, type Writer } from './writer.ts'

/** How hard a run is. */
export interface CrashOptions {
  /** The run ends after so many SIGKILLs. */
  readonly kills: number
  /** Decides what is killed, how and when. */
  readonly seed: number
  /** Clients at work, each with one connection. */
  readonly clients: number
  /** Pins that are there from the start, so that a join has something to fetch. */
  readonly preload: number
  /** Pieces of the pinset: the fewer, the more often logs are folded. */
  readonly partitions: number
  /** What happens in every round, a name in `KINDS`; without it that is left to chance. */
  readonly kind?: string
  /** Told of every round. */
  readonly onRound: (text: string) => void
}

/** What a run found. */
export interface CrashReport {
  readonly kills: number
  readonly killsByKind: Readonly<Record<string, number>>
  readonly acknowledged: number
  readonly inDoubt: number
  readonly damages: readonly Damage[]
  readonly restarts: number
  readonly restartMsMax: number
  readonly equalMsMax: number
}

const CIDS_PER_CLIENT = 25
const EQUAL_MS_MAX = 180_000
const LOOK_EVERY_MS = 200
const LAST_WORDS = 3000

/** The first takes most of the writes and is killed most; the second takes the others; the third only joins. */
interface World {
  readonly peers: readonly [first: PeerProcess, second: PeerProcess, third: PeerProcess]
  readonly random: Random
  readonly ledger: Ledger
  readonly writers: readonly Writer[]
  readonly preloaded: Writer
  readonly down: Set<PeerProcess>
  readonly onRound: (text: string) => void
  kills: number
  restarts: number
  restartMsMax: number
  equalMsMax: number
  readonly killsByKind: Record<string, number>
  readonly damages: Damage[]
}

type Kind = (world: World) => Promise<void>

/** What happens in a round, by name; each is as likely as its weight. */
const KINDS: Readonly<Record<string, { readonly weight: number; readonly run: Kind }>> = {
  'under load': {
    weight: 8,
    run: async world => {
      await kill(world, world.peers[0])
      await restart(world, world.peers[0])
    },
  },
  'while starting': {
    weight: 3,
    run: async world => {
      const [first] = world.peers
      await kill(world, first)
      first.launch()
      await pause(world, 0, 1800)
      await kill(world, first)
      await restart(world, first)
    },
  },
  'two at once': {
    weight: 3,
    run: async world => {
      const [first, ...others] = world.peers
      const other = world.random.next() < 0.5 ? others[0] : others[1]
      await Promise.all([kill(world, first), kill(world, other)])
      await Promise.all([restart(world, first), restart(world, other)])
    },
  },
  'while another joins': {
    weight: 3,
    run: async world => {
      const [first, , third] = world.peers
      await kill(world, third)
      await rm(join(third.folder, 'level'), { recursive: true })
      third.launch()
      await pause(world, 500, 3500)
      await kill(world, first)
      await Promise.all([restart(world, first), answers(world, third)])
    },
  },
  'another writer': {
    weight: 2,
    run: async world => {
      await kill(world, world.peers[1])
      await restart(world, world.peers[1])
    },
  },
}

/** Three real peers under load, one or two of which are killed over and over. Throws only when the run itself cannot go on. */
export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  await using stack = new AsyncDisposableStack()
  const world = await openWorld(options, stack)
  while (world.kills < options.kills) await round(world, options.kind ?? chooseKind(world.random))
  return {
    kills: world.kills,
    killsByKind: world.killsByKind,
    acknowledged: world.ledger.acknowledgedCount,
    inDoubt: world.ledger.inDoubtCount,
    damages: [...world.damages, ...world.writers.flatMap(writer => writer.damages)],
    restarts: world.restarts,
    restartMsMax: Math.round(world.restartMsMax),
    equalMsMax: Math.round(world.equalMsMax),
  }
}

async function openWorld(options: CrashOptions, stack: AsyncDisposableStack): Promise<World> {
  const processes = stack.use(await openPeerProcesses())
  const environment = { CLUSTER_CRDT_PARTITIONS: String(options.partitions) }
  for (let count = 0; count < 3; count++) {
    await processes.add({ kubo: stack.use(await startStubIpfs()).address, environment })
  }
  const [first, second, third] = processes.peers
  assert.ok(first && second && third)
  const ledger = new Ledger()
  const random = seededRandom(options.seed)
  const writers = Array.from({ length: options.clients }, (_, index) => {
    const own = { from: index * 1000, count: CIDS_PER_CLIENT }
    return makeWriter(index % 4 === 3 ? second : first, ledger, seededRandom(options.seed + index), own)
  })
  const preloaded = makeWriter(first, ledger, random, { from: 1_000_000, count: options.preload })
  const waiting = [...preloaded.cids]
  const preload = async () => {
    for (let cid = waiting.pop(); cid !== undefined; cid = waiting.pop()) {
      const answer = await fetch(`${first.url}/pins/${cid}?name=preloaded`, { method: 'POST' })
      assert.equal(answer.status, 200, await answer.text())
      ledger.acknowledge(cid, 'preloaded')
    }
  }
  await Promise.all(Array.from({ length: 20 }, preload))
  const world: World = {
    peers: [first, second, third],
    random,
    ledger,
    writers,
    preloaded,
    down: new Set(),
    onRound: options.onRound,
    kills: 0,
    restarts: 0,
    restartMsMax: 0,
    equalMsMax: 0,
    killsByKind: {},
    damages: [],
  }
  await untilEqual(world)
  return world
}

async function round(world: World, name: string): Promise<void> {
  const kind = KINDS[name]
  assert.ok(kind !== undefined, `"${name}" is none of ${Object.keys(KINDS).join(', ')}`)
  const before = { kills: world.kills, acknowledged: world.ledger.acknowledgedCount, at: performance.now() }
  const stopping = new AbortController()
  const load = Promise.all(world.writers.map(writer => writer.run(stopping.signal, world.down)))
  try {
    await pause(world, 100, 2500)
    await kind.run(world)
    await pause(world, 0, 300)
  } finally {
    stopping.abort()
    await load
  }
  world.down.clear()
  const equalMs = await untilEqual(world)
  const kills = world.kills - before.kills
  world.killsByKind[name] = (world.killsByKind[name] ?? 0) + kills
  const writes = world.ledger.acknowledgedCount - before.acknowledged
  world.onRound(
    `${world.kills} kills: ${name}, ${writes} writes acknowledged, equal after ${Math.round(equalMs)} ms, ${world.damages.length} damaged`,
  )
}

function chooseKind(random: Random): string {
  const total = Object.values(KINDS).reduce((sum, { weight }) => sum + weight, 0)
  let left = random.next() * total
  for (const [name, { weight }] of Object.entries(KINDS)) {
    left -= weight
    if (left < 0) return name
  }
  return 'under load'
}

async function pause({ random }: World, fromMs: number, toMs: number): Promise<void> {
  const ms = fromMs === toMs ? fromMs : fromMs + random.next() * (toMs - fromMs)
  await new Promise(resolve => setTimeout(resolve, ms))
}

async function kill(world: World, peer: PeerProcess): Promise<void> {
  world.kills++
  world.down.add(peer)
  await peer.kill()
}

/** Starts a killed peer; the first thing that it is asked is to show what it acknowledged. */
async function restart(world: World, peer: PeerProcess): Promise<void> {
  peer.launch()
  await answers(world, peer)
  const listing = await listingOf(peer)
  const own = world.writers.filter(writer => writer.peer === peer).flatMap(writer => writer.cids)
  world.damages.push(...world.ledger.settle(own, listing))
  if (peer === world.preloaded.peer) world.damages.push(...world.ledger.settle(world.preloaded.cids, listing))
}

async function answers(world: World, peer: PeerProcess): Promise<void> {
  const began = performance.now()
  world.restarts++
  await peer.answers()
  world.restartMsMax = Math.max(world.restartMsMax, performance.now() - began)
}

/** Waits until all peers show the same, and holds that against everything that was acknowledged. */
async function untilEqual(world: World): Promise<number> {
  const began = performance.now()
  const listing = await eventually('all pinsets are equal', () => sameListing(world), EQUAL_MS_MAX).catch(
    (thrown: unknown) => {
      for (const [index, peer] of world.peers.entries()) {
        world.onRound(`the last words of peer ${index}:\n${peer.log().slice(-LAST_WORDS)}`)
      }
      throw thrown
    },
  )
  const ms = performance.now() - began
  world.equalMsMax = Math.max(world.equalMsMax, ms)
  const cids = [...world.writers, world.preloaded].flatMap(writer => writer.cids)
  world.damages.push(...world.ledger.settle(cids, listing))
  const known = new Set(cids)
  for (const cid of listing.keys()) {
    if (!known.has(cid)) world.damages.push({ kind: 'resurrected', cid, text: `${cid}: never pinned` })
  }
  return ms
}

async function sameListing(world: World): Promise<ReadonlyMap<string, string>> {
  const { peers } = world
  // Without a pause the looking itself would take up the machine.
  await pause(world, LOOK_EVERY_MS, LOOK_EVERY_MS)
  const [first, second, third] = await Promise.all(peers.map(listingOf))
  assert.ok(first && second && third)
  assert.equal(difference(first, second), '', 'first and second')
  assert.equal(difference(first, third), '', 'first and third')
  return first
}
