import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'
import type { PinType } from './pin.ts'

/** Which part of the pinset to read, in order of CID bytes. Everything that is given must be so. */
export interface PinRange {
  /** Begin behind this CID. */
  readonly after?: Cid
  /** From this CID on, up to another that is left out; neither need be in the pinset. */
  readonly from?: Cid
  readonly to?: Cid
  /** How many at most, of those that fit. */
  readonly limit?: number
  /** Absent = every type but requests and marks, which show only when they are named. */
  readonly types?: ReadonlySet<PinType>
  readonly namePrefix?: string
  /** Keys and values that the metadata has, among others. */
  readonly metadata?: Readonly<Record<string, string>>
  /** A peer that keeps the content, be it as one of all peers. */
  readonly allocation?: PeerId
  /** Unix milliseconds: entries that were written before. */
  readonly writtenBeforeMs?: number
  /** Unix milliseconds: entries that were written then or later. */
  readonly writtenSinceMs?: number
  /** Unix milliseconds: entries that expire before; infinite = all that expire. */
  readonly expiresBeforeMs?: number
}
