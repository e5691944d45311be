import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create as createDigest, decode as decodeMultihash } from 'multiformats/hashes/digest'
import type { Cid } from './cid.ts'
import { type PeerId, peerIdBytes } from './peer.ts'
import { type Pin, toPin } from './pin.ts'

/** What operators have said of a peer; the same on every peer of the cluster, and durable. */
export interface PeerMark {
  readonly peer: PeerId
  /** Nothing new is allocated to it. */
  readonly isCordoned: boolean
  /** All that is allocated to it moves to others. */
  readonly isDraining: boolean
  /** It is not a member any more: its allocations are moved without waiting for it. */
  readonly isRemoved: boolean
  /** Until then its silence is no reason to move anything. Unix milliseconds; undefined = no maintenance. */
  readonly maintenanceUntilMs: number | undefined
}

/** What operators have said of peers, shared through the pinset. */
export interface PeerMarks extends AsyncDisposable {
  /** What is known of a peer; a mark that says nothing when nothing was said. */
  of(peer: PeerId): PeerMark
  /** Marks that say something; sorted by peer. */
  all(): readonly PeerMark[]
  /** Replaces a peer's mark on every peer of the cluster; durable here when it resolves. */
  set(mark: PeerMark, options: { readonly signal: AbortSignal }): Promise<void>
  /** Told whenever a mark changes, here or elsewhere. */
  onChange(listener: (mark: PeerMark) => void): Disposable
}

/**
 * How much longer a maintenance is taken to last than was said: the clocks of the one who said it and of the one who looks may
 * differ, and moving content too late harms less than moving it while somebody works on the peer.
 */
export const MAINTENANCE_SKEW_MS = 60_000

/** A peer of which nothing was said. */
export function unmarked(peer: PeerId): PeerMark {
  return { peer, isCordoned: false, isDraining: false, isRemoved: false, maintenanceUntilMs: undefined }
}

/** Whether a mark says anything. */
export function saysNothing(mark: PeerMark): boolean {
  const { isCordoned, isDraining, isRemoved, maintenanceUntilMs } = mark
  return !isCordoned && !isDraining && !isRemoved && maintenanceUntilMs === undefined
}

/** Whether the peer takes nothing new: it is cordoned, or more than that. */
export function takesNothing({ isCordoned, isDraining, isRemoved }: PeerMark): boolean {
  return isCordoned || isDraining || isRemoved
}

/** Whether somebody works on the peer, so that its silence means nothing. `nowMs` is Unix milliseconds. */
export function isInMaintenance({ maintenanceUntilMs }: PeerMark, nowMs: number): boolean {
  return maintenanceUntilMs !== undefined && nowMs < maintenanceUntilMs + MAINTENANCE_SKEW_MS
}

/** Whether two marks say the same of the same peer. */
export function isSameMark(a: PeerMark, b: PeerMark): boolean {
  return (
    a.peer === b.peer &&
    a.isCordoned === b.isCordoned &&
    a.isDraining === b.isDraining &&
    a.isRemoved === b.isRemoved &&
    a.maintenanceUntilMs === b.maintenanceUntilMs
  )
}

const LIBP2P_KEY = 0x72
const IDENTITY = 0x00
const NOTHING = new Uint8Array()

/** All marks. */
export const EVERY_MARK = {
  from: CID.create(1, LIBP2P_KEY, createDigest(IDENTITY, NOTHING)),
  to: CID.create(1, LIBP2P_KEY + 1, createDigest(IDENTITY, NOTHING)),
} as const

/** The CID of a peer's entry: that of its id as such, version 1 and codec `libp2p-key`. Throws `INVALID_ARGUMENT`. */
export function markCid(peer: PeerId): Cid {
  return CID.create(1, LIBP2P_KEY, decodeMultihash(peerIdBytes(peer)))
}

/** Whether a CID, given by its bytes from `at` on, names a peer: there is no content under such a name. */
export function isMarkName(bytes: Uint8Array, at = 0): boolean {
  return bytes[at + 1] === LIBP2P_KEY && bytes[at] === 1
}

/** The peer whose entry the CID names. */
export function peerOfMark({ multihash }: Cid): PeerId {
  return base58btc.baseEncode(multihash.bytes)
}

/** Metadata of the entry: each key that is there says its own. */
const CORDONED_KEY = 'pinfold.peer.cordoned'
const DRAINING_KEY = 'pinfold.peer.draining'
const REMOVED_KEY = 'pinfold.peer.removed'
/** Unix milliseconds. Not the expiry of the entry, which would be unpinned as a whole. */
const MAINTENANCE_KEY = 'pinfold.peer.maintenance-until-ms'

/** The entry of a mark. */
export function toMarkEntry(mark: PeerMark, nowMs: number): Pin {
  const metadata: Record<string, string> = {}
  if (mark.isCordoned) metadata[CORDONED_KEY] = 'true'
  if (mark.isDraining) metadata[DRAINING_KEY] = 'true'
  if (mark.isRemoved) metadata[REMOVED_KEY] = 'true'
  if (mark.maintenanceUntilMs !== undefined) metadata[MAINTENANCE_KEY] = String(mark.maintenanceUntilMs)
  return toPin(markCid(mark.peer), { type: 'peer-mark', metadata, timestampMs: nowMs })
}

/** What an entry says; undefined for one that is no mark. */
export function markIn({
  cid,
  type,
  metadata,
}: Pick<Pin, 'cid' | 'type' | 'metadata'>): PeerMark | undefined {
  if (type !== 'peer-mark' || !isMarkName(cid.bytes)) return undefined
  const untilMs = Number(metadata[MAINTENANCE_KEY] ?? Number.NaN)
  return {
    peer: peerOfMark(cid),
    isCordoned: metadata[CORDONED_KEY] === 'true',
    isDraining: metadata[DRAINING_KEY] === 'true',
    isRemoved: metadata[REMOVED_KEY] === 'true',
    maintenanceUntilMs: Number.isSafeInteger(untilMs) && untilMs > 0 ? untilMs : undefined,
  }
}
