import { ClusterError } from '../../src/errors.ts'
import type { Ipfs, PinProgress } from '../../src/interfaces.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Random } from '../../src/lib/random.ts'
import { type Cid, cidFromKey, cidKey } from '../../src/model/cid.ts'
import type { PinMode } from '../../src/model/pin.ts'

/** What may happen to calls. */
export interface IpfsFaults {
  /** No call is answered. */
  isDown: boolean
  /** CIDs that cannot be fetched. */
  readonly unfetchable: Set<string>
  /** Share of pin and unpin calls that are refused. */
  refusedShare: number
  /** Share of listings that break off half way. */
  cutShare: number
  /** Share of cancelled calls that take effect all the same. */
  lateShare: number
  /** Longest time of a call. */
  delayMaxMs: number
}

/** The part of `Ipfs` that a tracker sees, in memory, with what a test does to it and reads off it. */
export interface SmallIpfs extends Pick<Ipfs, 'pin' | 'unpin' | 'pinned' | 'allPinned'> {
  readonly faults: IpfsFaults
  readonly held: Map<string, PinMode>
  readonly calls: Record<'pin' | 'unpin' | 'pinned' | 'allPinned', number>
  /** Told of each of these as it happens. */
  readonly watch: { onReleased?: (cid: Cid) => void }
  /** Unpins that let go of something, in order. */
  readonly released: Cid[]
  /** Calls to pin that are under way. */
  readonly pinning: Set<string>
  readonly pinningMost: number
  /** A pin under way tells how many blocks are there. */
  progress(cid: Cid, blocks: number): void
}

/** An IPFS node without pins that answers at once. */
export function smallIpfs(clock: Clock, random: Random): SmallIpfs {
  const held = new Map<string, PinMode>()
  const pinning = new Set<string>()
  const progress = new Map<string, (at: PinProgress) => void>()
  const released: Cid[] = []
  const watch: SmallIpfs['watch'] = {}
  const calls = { pin: 0, unpin: 0, pinned: 0, allPinned: 0 }
  const faults: IpfsFaults = {
    isDown: false,
    unfetchable: new Set(),
    refusedShare: 0,
    cutShare: 0,
    lateShare: 0,
    delayMaxMs: 0,
  }
  let pinningMost = 0
  const answered = async (signal: AbortSignal) => {
    signal.throwIfAborted()
    if (faults.delayMaxMs > 0) await clock.sleep(Math.floor(random.next() * faults.delayMaxMs), signal)
    if (faults.isDown) throw new ClusterError('IPFS_UNAVAILABLE', 'connection refused')
  }
  const change = async (signal: AbortSignal, effect: () => void) => {
    try {
      await answered(signal)
    } catch (thrown) {
      if (signal.aborted && random.next() < faults.lateShare) effect()
      throw thrown
    }
    if (random.next() < faults.refusedShare) throw new ClusterError('IPFS_REFUSED', 'not now')
    effect()
  }
  return {
    faults,
    held,
    calls,
    released,
    watch,
    pinning,
    get pinningMost() {
      return pinningMost
    },
    progress: (cid, blocks) => progress.get(cidKey(cid))?.({ blocks }),
    pin: async (cid, mode, { signal, onProgress }) => {
      const name = cidKey(cid)
      if (onProgress !== undefined) progress.set(name, onProgress)
      calls.pin += 1
      pinning.add(name)
      pinningMost = Math.max(pinningMost, pinning.size)
      try {
        await change(signal, () => {
          if (faults.unfetchable.has(name)) throw new ClusterError('TIMEOUT', 'no block for 2m0s')
          if (mode === 'direct' && held.get(name) === 'recursive') {
            throw new ClusterError('IPFS_REFUSED', 'already pinned recursively')
          }
          held.set(name, mode)
        })
      } finally {
        pinning.delete(name)
        progress.delete(name)
      }
    },
    unpin: async (cid, { signal }) => {
      calls.unpin += 1
      await change(signal, () => {
        if (!held.delete(cidKey(cid))) return
        released.push(cid)
        watch.onReleased?.(cid)
      })
    },
    pinned: async (cid, { signal }) => {
      calls.pinned += 1
      await answered(signal)
      return held.get(cidKey(cid))
    },
    async *allPinned({ signal }) {
      calls.allPinned += 1
      await answered(signal)
      const isCut = random.next() < faults.cutShare
      const all = [...held]
      for (const [name, mode] of isCut ? all.slice(0, all.length / 2) : all) yield [cidFromKey(name), mode]
      if (isCut) throw new ClusterError('IPFS_REFUSED', 'the listing was cut')
    },
  }
}
