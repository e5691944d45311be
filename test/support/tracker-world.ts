import { createNoopMeter } from '@opentelemetry/api'
import { ClusterError } from '../../src/errors.ts'
import type { PinTracker } from '../../src/interfaces.ts'
import type { Random } from '../../src/lib/random.ts'
import { cidKey } from '../../src/model/cid.ts'
import type { AskHolds } from '../../src/model/holds.ts'
import type { PeerId } from '../../src/model/peer.ts'
import { openPinTracker } from '../../src/pintracker/tracker.ts'
import { type MemoryStore, openMemoryStore } from '../../src/store/memory.ts'
import { seededRandom } from './seeded-random.ts'
import { type SilentLogger, silentLogger } from './silent-logger.ts'
import { type SmallIpfs, smallIpfs } from './small-ipfs.ts'
import { type SmallPinset, smallPinset } from './small-pinset.ts'
import { type VirtualClock, virtualClock } from './virtual-clock.ts'

/** A tracker with everything around it on a virtual clock. */
export interface TrackerWorld extends AsyncDisposable {
  readonly clock: VirtualClock
  readonly random: Random
  readonly pinset: SmallPinset
  readonly ipfs: SmallIpfs
  readonly logger: SilentLogger
  /** What others hold. */
  readonly others: Others
  readonly tracker: PinTracker
  /** Ends the tracker, and begins a new one on the same disk; `whileOpening` is called before that one is open. */
  restart(whileOpening?: () => void): Promise<void>
  /** The tracker dies a moment after the last change, too soon to do much about it; a new one begins on the same disk. */
  crash(): Promise<void>
}

/** How the other peers answer when they are asked what they hold. */
export interface Others {
  /** Peers that do not answer. */
  readonly silent: Set<PeerId>
  /** What peers hold; those without an entry hold everything. */
  readonly held: Map<PeerId, Set<string>>
  /** Questions so far, as the peer and how many CIDs. */
  readonly asked: (readonly [peer: PeerId, count: number])[]
}

export const SELF = 'self'
const MINUTE_MS = 60_000

/** Opens a tracker on an empty pinset and an empty IPFS node. */
export async function trackerWorld(
  options: { seed?: number; maxAttempts?: number; windowMax?: number } = {},
): Promise<TrackerWorld> {
  const clock = virtualClock()
  const random = seededRandom(options.seed ?? 1)
  const pinset = smallPinset()
  const ipfs = smallIpfs(clock, random)
  const logger = silentLogger()
  const config = {
    concurrentPins: 3,
    priorityMaxAgeMs: 1440 * MINUTE_MS,
    priorityMaxRetries: 5,
    maxAttempts: options.maxAttempts ?? 0,
    recoverIntervalMs: 12 * MINUTE_MS,
    windowMax: options.windowMax ?? 10_000,
  }
  const others: Others = { silent: new Set(), held: new Map(), asked: [] }
  const askHolds: AskHolds = async (peer, cids, { signal }) => {
    signal.throwIfAborted()
    others.asked.push([peer, cids.length])
    if (others.silent.has(peer)) throw new ClusterError('PEER_UNREACHABLE', `peer ${peer} is not reached`)
    return cids.map(cid => others.held.get(peer)?.has(cidKey(cid)) !== false)
  }
  let store: MemoryStore = openMemoryStore()
  const open = () => {
    const life = mortal(ipfs, pinset)
    const parts = { clock, random, logger, askHolds, self: SELF, meter: createNoopMeter(), store }
    return openPinTracker({ ...parts, ...life }, config).then(tracker => ({ tracker, life }))
  }
  let { tracker, life } = await open()
  return {
    clock,
    random,
    pinset,
    ipfs,
    logger,
    others,
    get tracker() {
      return tracker
    },
    restart: async whileOpening => {
      await tracker[Symbol.asyncDispose]()
      const opening = open()
      whileOpening?.()
      ;({ tracker, life } = await opening)
    },
    crash: async () => {
      await clock.advance(0)
      life.end()
      store = store.afterCrash(1)
      await tracker[Symbol.asyncDispose]()
      ;({ tracker, life } = await open())
    },
    [Symbol.asyncDispose]: () => tracker[Symbol.asyncDispose](),
  }
}

/** IPFS and pinset for one life: after its end no call gets through and no change is heard of. */
function mortal(ipfs: SmallIpfs, pinset: SmallPinset) {
  let isAlive = true
  const check = () => {
    if (!isAlive) throw new DOMException('dead', 'AbortError')
  }
  return {
    end: () => {
      isAlive = false
    },
    ipfs: {
      pin: async (...args: Parameters<SmallIpfs['pin']>) => {
        check()
        return ipfs.pin(...args)
      },
      unpin: async (...args: Parameters<SmallIpfs['unpin']>) => {
        check()
        return ipfs.unpin(...args)
      },
      pinned: async (...args: Parameters<SmallIpfs['pinned']>) => {
        check()
        return ipfs.pinned(...args)
      },
      allPinned: ipfs.allPinned,
    },
    consensus: {
      get: pinset.get,
      pins: pinset.pins,
      onChange: (listener: Parameters<SmallPinset['onChange']>[0]) =>
        pinset.onChange((cids, hadEntry) => {
          if (isAlive) listener(cids, hadEntry)
        }),
    },
  }
}
