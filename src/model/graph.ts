import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'
import type { PeerCondition, PeerHealth } from './peer-health.ts'

/** What one peer makes of another. */
export interface PeerSight {
  readonly peer: PeerId
  readonly condition: PeerCondition
  /** Suspicion; see `PeerHealth`. */
  readonly phi: number
  readonly isTrusted: boolean
  /** Round-trip time of the last ping; undefined when there is no connection. */
  readonly latencyMs: number | undefined
}

/** Who is connected to whom, and what they make of each other. */
export interface ConnectGraph {
  readonly self: PeerId
  readonly peernames: ReadonlyMap<PeerId, string>
  readonly clusterLinks: ReadonlyMap<PeerId, readonly PeerId[]>
  readonly trusted: ReadonlyMap<PeerId, boolean>
  readonly clusterToIpfs: ReadonlyMap<PeerId, PeerId>
  readonly ipfsLinks: ReadonlyMap<PeerId, readonly PeerId[]>
  /** What the answering peer makes of every member, those that are gone included. */
  readonly health: ReadonlyMap<PeerId, PeerHealth>
  /** Why a member that lives did not answer. */
  readonly failures: ReadonlyMap<PeerId, string>
  /** What each peer that answered makes of the others. */
  readonly sights: ReadonlyMap<PeerId, readonly PeerSight[]>
}

/** What garbage collection did on one peer. */
export interface RepoGc {
  readonly peer: PeerId
  readonly peername: string
  readonly keys: readonly { readonly cid?: Cid; readonly error?: string }[]
  readonly error: string
}

/** How full an IPFS node is. */
export interface RepoStat {
  readonly sizeBytes: number
  /** The limit that the node was given, else what its disk allows; 0 if neither is known. */
  readonly storageMaxBytes: number
}
