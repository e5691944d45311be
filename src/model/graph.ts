import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'

/** Who is connected to whom. */
export interface ConnectGraph {
  readonly self: PeerId
  readonly peernames: ReadonlyMap<PeerId, string>
  readonly clusterLinks: ReadonlyMap<PeerId, readonly PeerId[]>
  readonly trusted: ReadonlyMap<PeerId, boolean>
  readonly clusterToIpfs: ReadonlyMap<PeerId, PeerId>
  readonly ipfsLinks: ReadonlyMap<PeerId, readonly PeerId[]>
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
