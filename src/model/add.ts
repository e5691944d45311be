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

/** What the file system says of an entry. It travels with uploads as IPFS clients send it; adding passes it over. */
export interface EntryAttributes {
  /** Permission bits. */
  readonly mode: number
  /** Unix milliseconds of the last change. */
  readonly mtimeMs: number
}

interface EntryBase {
  /** Relative, with `/`. */
  readonly path: string
  readonly attributes?: EntryAttributes
}

/** A file, directory or symbolic link to add. Content is read once, before the next entry. */
export type AddEntry =
  | (EntryBase & { readonly kind: 'file'; readonly content: AsyncIterable<Uint8Array> })
  | (EntryBase & { readonly kind: 'directory' })
  | (EntryBase & { readonly kind: 'symlink'; readonly target: string })

/** What adding tells on its way. `cid` is undefined on progress records; the last record is the root. */
export interface AddedOutput {
  readonly name: string
  readonly cid: Cid | undefined
  readonly bytes?: number
  readonly size?: number
  readonly allocations?: readonly PeerId[]
}
