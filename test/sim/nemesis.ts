import { ClusterError } from '../../src/errors.ts'
import type { Random } from '../../src/lib/random.ts'
import type { SimPeer } from './peer.ts'
import { sayTrusted } from './trust.ts'
import { FOREVER, type World } from './world.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60_000
/** How far a clock may be off. */
export const CLOCK_JUMP_MS_MAX = 20 * MINUTE_MS

/** What faults are put into. */
interface Scene {
  readonly world: World
  readonly random: Random
  /** Peers that have not left. */
  readonly present: () => readonly SimPeer[]
  readonly join: () => SimPeer | undefined
}

/** One kind of fault: how often it comes, compared with others, and what it does. */
interface Fault {
  readonly kind: string
  readonly weight: number
  /** False when it cannot happen now. */
  readonly strike: (scene: Scene, peer: SimPeer, other: SimPeer) => Promise<boolean> | boolean
}

/** Breaks things, while `isGoing`. */
export async function breakThings(scene: Omit<Scene, 'random'>, isGoing: () => boolean): Promise<void> {
  const { world, present } = scene
  const random = world.random('nemesis')
  const { moves, hasDistrust } = world.plan
  const more = [...(moves === undefined ? [] : ABSENCES), ...(hasDistrust ? DISTRUST : [])]
  const faults = [...FAULTS, ...more]
  const weights = faults.reduce((sum, { weight }) => sum + weight, 0)
  while (isGoing()) {
    await world.pause(world.plan.faultEveryMs, random)
    const peers = present()
    const peer = peers[Math.floor(random.next() * peers.length)]
    const other = peers[Math.floor(random.next() * peers.length)]
    if (peer === undefined || other === undefined || !isGoing()) continue
    let dice = random.next() * weights
    const fault = faults.find(({ weight }) => (dice -= weight) < 0)
    if (fault === undefined) continue
    const isDone = await fault.strike({ ...scene, random }, peer, other)
    if (isDone) world.noteFault(fault.kind, `peer ${peer.index}, ${other.index}`)
  }
}

/** Ends everything that is still broken. */
export function mend(world: World, peers: readonly SimPeer[]): void {
  Object.assign(world.hub.faults, {
    lossShare: 0,
    duplicateShare: 0,
    resetShare: 0,
    delayMinMs: 0,
    delayMaxMs: 5,
  })
  world.hub.heal()
  for (const peer of peers) {
    peer.skew.offsetMs = 0
    for (const disk of [peer.disk, peer.trackerDisk]) {
      Object.assign(disk.faults, { writeErrorShare: 0, readErrorShare: 0, isFull: false, latencyMaxMs: 2 })
    }
    delete peer.ipfs.faults.error
    delete peer.ipfs.faults.delayMs
    peer.ipfs.faults.listingCutAfter = undefined
    if (!peer.hasLeft && !peer.isOn) void peer.boot()
  }
}

function later({ world }: Scene, ms: number, task: () => void): void {
  world.clock.schedule(ms, task)
}

async function pause({ world, random }: Scene, maxMs: number): Promise<void> {
  await world.clock.sleep(random.next() * maxMs, FOREVER)
}

/** Says which answered writes may be gone for good: what left or went back took them along, and no other disk has them. */
async function countLosses({ world, present }: Scene, all: readonly SimPeer[]): Promise<void> {
  const byIndex = new Map(all.map(peer => [peer.index, peer]))
  await world.oracle.onLoss(
    present().map(({ disk }) => disk.contents),
    ({ author, startedAt }) => {
      const peer = byIndex.get(author)
      return peer === undefined || peer.hasLeft || startedAt < peer.restoredAt
    },
  )
}

async function crash(scene: Scene, peer: SimPeer, kind: 'kill' | 'power cut'): Promise<boolean> {
  // Half of the time in the midst of a write.
  if (scene.random.next() < 0.5) await peer.disk.nextWrite(5 * SECOND_MS)
  if (!peer.isOn) return false
  await peer.crash(kind)
  await countLosses(scene, scene.present())
  later(scene, scene.random.next() * 20 * SECOND_MS, () => {
    if (!peer.hasLeft && !peer.isOn) void peer.boot()
  })
  return true
}

const FAULTS: readonly Fault[] = [
  {
    kind: 'weather',
    weight: 10,
    strike: ({ world, random }) => {
      const isBad = random.next() < 0.7
      Object.assign(world.hub.faults, {
        lossShare: isBad ? random.next() * 0.8 : 0,
        duplicateShare: isBad ? random.next() * 0.5 : 0,
        resetShare: isBad && random.next() < 0.5 ? random.next() * 0.3 : 0,
        delayMinMs: 0,
        delayMaxMs: isBad ? random.next() ** 3 * 5000 : 20,
      })
      return true
    },
  },
  {
    kind: 'cut',
    weight: 6,
    strike: ({ world }, peer, other) => {
      if (peer !== other) world.hub.cut(peer.id, other.id)
      return peer !== other
    },
  },
  {
    kind: 'one-way cut',
    weight: 6,
    strike: ({ world }, peer, other) => {
      if (peer !== other) world.hub.mute(peer.id, other.id)
      return peer !== other
    },
  },
  {
    kind: 'partition',
    weight: 5,
    strike: ({ world, random, present }) => {
      world.hub.isolate(
        present()
          .filter(() => random.next() < 0.5)
          .map(({ id }) => id),
      )
      return true
    },
  },
  {
    kind: 'heal',
    weight: 14,
    strike: ({ world }) => {
      world.hub.heal()
      return true
    },
  },
  { kind: 'power cut', weight: 8, strike: (scene, peer) => crash(scene, peer, 'power cut') },
  { kind: 'kill', weight: 5, strike: (scene, peer) => crash(scene, peer, 'kill') },
  {
    kind: 'restart',
    weight: 4,
    strike: async (scene, peer) => {
      if (peer.running === undefined) return false
      await peer.stop()
      await pause(scene, 5 * SECOND_MS)
      if (!peer.hasLeft && !peer.isOn) void peer.boot()
      return true
    },
  },
  {
    kind: 'join',
    weight: 2,
    strike: ({ join }) => {
      const peer = join()
      if (peer !== undefined) void peer.boot()
      return peer !== undefined
    },
  },
  {
    kind: 'leave for good',
    weight: 2,
    strike: async (scene, peer) => {
      if (scene.present().length <= 2 || peer.isStopping) return false
      const all = scene.present()
      if (scene.random.next() < 0.5) await peer.stop()
      else await peer.crash('kill')
      peer.hasLeft = true
      await countLosses(scene, all)
      return true
    },
  },
  {
    kind: 'backup',
    weight: 4,
    strike: (_scene, peer) => {
      peer.disk.backUp()
      return true
    },
  },
  {
    kind: 'restore',
    weight: 4,
    strike: async (scene, peer) => {
      if (!(await peer.restore())) return false
      // Half of the time it writes before others can tell it what it has forgotten.
      if (scene.random.next() < 0.5) scene.world.hub.isolate([peer.id])
      await countLosses(scene, scene.present())
      void peer.boot()
      return true
    },
  },
  {
    kind: 'disk errors',
    weight: 4,
    strike: (scene, peer) => {
      const { random } = scene
      const { disk, trackerDisk } = peer
      const broken = random.next() < 0.7 ? disk : trackerDisk
      broken.faults.writeErrorShare = random.next() * 0.6
      broken.faults.readErrorShare = random.next() < 0.3 ? random.next() * 0.1 : 0
      later(scene, random.next() * 20 * SECOND_MS, () => {
        Object.assign(broken.faults, { writeErrorShare: 0, readErrorShare: 0 })
      })
      return true
    },
  },
  {
    kind: 'full disk',
    weight: 2,
    strike: (scene, peer) => {
      const { disk, trackerDisk } = peer
      disk.faults.isFull = true
      trackerDisk.faults.isFull = true
      later(scene, scene.random.next() * 30 * SECOND_MS, () => {
        disk.faults.isFull = false
        trackerDisk.faults.isFull = false
      })
      return true
    },
  },
  {
    kind: 'slow disk',
    weight: 3,
    strike: (scene, { disk }) => {
      disk.faults.latencyMaxMs = scene.random.next() * 1500
      later(scene, scene.random.next() * 30 * SECOND_MS, () => {
        disk.faults.latencyMaxMs = 2
      })
      return true
    },
  },
  {
    kind: 'IPFS errors',
    weight: 4,
    strike: (scene, { ipfs }) => {
      const { random } = scene
      const share = random.next()
      const code = random.next() < 0.5 ? 'IPFS_REFUSED' : 'IPFS_UNAVAILABLE'
      ipfs.faults.error = () =>
        random.next() < share ? new ClusterError(code, 'simulated: the IPFS node fails') : undefined
      ipfs.faults.delayMs = () => random.next() ** 4 * 10 * SECOND_MS
      later(scene, random.next() * 60 * SECOND_MS, () => {
        delete ipfs.faults.error
        delete ipfs.faults.delayMs
      })
      return true
    },
  },
  {
    kind: 'IPFS listing cut',
    weight: 1,
    strike: (scene, { ipfs }) => {
      ipfs.faults.listingCutAfter = Math.floor(scene.random.next() * 5)
      later(scene, scene.random.next() * 60 * SECOND_MS, () => {
        ipfs.faults.listingCutAfter = undefined
      })
      return true
    },
  },
  {
    kind: 'IPFS wipe',
    weight: 1,
    strike: ({ world }, { id, ipfs }) => {
      world.noteHeld(id)
      ipfs.wipe()
      return true
    },
  },
  {
    kind: 'clock jump',
    weight: 5,
    strike: ({ random }, { skew }) => {
      const size = random.next() < 0.7 ? 2 * SECOND_MS : CLOCK_JUMP_MS_MAX
      skew.offsetMs = Math.floor((random.next() * 2 - 1) * size)
      return true
    },
  },
]

/** Operators distrust a peer, and trust it again. */
const DISTRUST: readonly Fault[] = [
  {
    kind: 'distrust',
    weight: 16,
    strike: (scene, peer, other) => {
      const { world, random, present } = scene
      if (peer === other || peer.running === undefined) return false
      sayTrusted(world, peer, other.id, false)
      later(scene, random.next() * 60 * SECOND_MS, () => {
        const others = present().filter(each => each !== other && each.running !== undefined)
        const by = others[Math.floor(random.next() * others.length)]
        if (by !== undefined) sayTrusted(world, by, other.id, true)
      })
      return true
    },
  },
]

/** Where content moves, peers are away for so long that it does. */
const ABSENCES: readonly Fault[] = [
  {
    kind: 'absence',
    weight: 25,
    strike: async (scene, peer) => {
      if (peer.running === undefined || peer.isStopping) return false
      if (scene.random.next() < 0.3) await peer.stop()
      else await peer.crash('kill')
      await countLosses(scene, scene.present())
      later(scene, 10 * SECOND_MS + scene.random.next() * 3 * MINUTE_MS, () => {
        if (!peer.hasLeft && !peer.isOn) void peer.boot()
      })
      return true
    },
  },
]
