import type { Meter } from '@opentelemetry/api'
import type { ByteStore, Consensus, Ipfs, Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { AskHolds } from '../model/holds.ts'
import type { PeerId } from '../model/peer.ts'

/** What the tracker works with. `store` keeps the names of pending unpins. */
export interface TrackerParts {
  readonly consensus: Pick<Consensus, 'get' | 'pins' | 'onChange'>
  readonly ipfs: Pick<Ipfs, 'pin' | 'unpin' | 'pinned' | 'allPinned'>
  readonly store: ByteStore
  /** Asks other peers what they hold. */
  readonly askHolds: AskHolds
  readonly self: PeerId
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
}
