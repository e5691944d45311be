import type { Cid } from './cid.ts'

/** A block and its name. */
export interface Block {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

/** How far a pin has come: blocks fetched or found so far. */
export interface PinProgress {
  readonly blocks: number
}
