import { toKey } from '../lib/bytes.ts'

/** What a gossip message says of its author and its place in the row of the author's messages. */
export interface Numbered {
  readonly from?: Uint8Array
  readonly seqno?: Uint8Array
}

/**
 * The same for all copies of a message, and read off without checking anything. A message comes from every neighbour in the
 * mesh; gossipsub keeps the keys of messages whose signature held, and what has such a key is dropped before a signature is
 * checked again. What was forged is never kept, so it hides nobody's message.
 */
export function copyKey({ from, seqno }: Numbered): string {
  return from === undefined || seqno === undefined ? '' : `${toKey(seqno)}${toKey(from)}`
}
