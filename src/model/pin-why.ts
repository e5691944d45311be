import type { ClusterError, Code } from '../errors.ts'
import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'
import type { Pin, PinMode } from './pin.ts'
import type { PinInfo } from './pin-status.ts'

/** What one peer wants of a CID, what its IPFS node has of it, and how far it has come. */
export interface PinWhy {
  readonly info: PinInfo
  readonly wants: PinMode | 'nothing'
  readonly has: PinMode | 'nothing' | 'unknown'
  /** Why nothing is sent to the IPFS node at present, or why it could not be asked; '' when it answers. */
  readonly ipfsFailure: string
  /** How the last attempt failed, also while the next one is under way; absent when none failed since it was begun. */
  readonly lastFailure?: LastFailure
}

/** An attempt that failed, and when: Unix milliseconds. */
export interface LastFailure {
  readonly error: string
  readonly reason: Code
  readonly atMs: number
}

/** The same of a peer with its name, or why it did not say. */
export type PeerWhy =
  | { readonly peername: string; readonly why: PinWhy }
  | { readonly peername: string; readonly error: ClusterError }

/** The same of every peer. */
export interface GlobalWhy {
  readonly cid: Cid
  readonly pin: Pin | undefined
  readonly peers: ReadonlyMap<PeerId, PeerWhy>
  /** What becomes of it where a peer that is to keep it has no room; '' where all have. */
  readonly noRoom: string
}
