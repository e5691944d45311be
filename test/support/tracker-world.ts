import { createNoopMeter } from '@opentelemetry/api'
import type { PinTracker } from '../../src/interfaces.ts'
import type { Random } from '../../src/lib/random.ts'
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
  readonly tracker: PinTracker
  /** Ends the tracker, and begins a new one on the same disk. */
  restart(): Promise<void>
  /** The tracker dies a moment after the last change, too soon to do much about it; a new one begins on the same disk. */
  crash(): Promise<void>
}

export const SELF = 'self'
const MINUTE_MS = 60_000

/** Opens a tracker on an empty pinset and an empty IPFS node. */
export async function trackerWorld(
  options: { seed?: number; maxAttempts?: number } = {},
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
  }
  let store: MemoryStore = openMemoryStore()
  const open = () => {
    const life = mortal(ipfs, pinset)
    const parts = { clock, random, logger, self: SELF, meter: createNoopMeter(), store }
    return openPinTracker({ ...parts, ...life }, config).then(tracker => ({ tracker, life }))
  }
  let { tracker, life } = await open()
  return {
    clock,
    random,
    pinset,
    ipfs,
    logger,
    get tracker() {
      return tracker
    },
    restart: async () => {
      await tracker[Symbol.asyncDispose]()
      ;({ tracker, life } = await open())
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
        pinset.onChange(cids => {
          if (isAlive) listener(cids)
        }),
    },
  }
}
