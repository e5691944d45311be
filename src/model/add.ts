import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'

/** How content becomes blocks (UnixFS or CAR), and what happens with them. */
export interface AddParams {
  readonly format: 'unixfs' | 'car'
  readonly layout: 'balanced' | 'trickle'
  readonly chunker: string
  readonly hash: string
  readonly cidVersion: 0 | 1
  readonly rawLeaves: boolean
  readonly wrapWithDirectory: boolean
  readonly progress: boolean
  /** Put the blocks on this peer only and make it one of the allocations. */
  readonly local: boolean
  readonly noPin: boolean
}

/** A file, directory or symbolic link to add. Paths are relative, with `/`. Content is read once, before the next entry. */
export type AddEntry =
  | { readonly kind: 'file'; readonly path: string; readonly content: AsyncIterable<Uint8Array> }
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }

/** What adding tells on its way. `cid` is undefined on progress records; the last record is the root. */
export interface AddedOutput {
  readonly name: string
  readonly cid: Cid | undefined
  readonly bytes?: number
  readonly size?: number
  readonly allocations?: readonly PeerId[]
}
