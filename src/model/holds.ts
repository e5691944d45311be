import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'
import { isEverywhere, type Pin } from './pin.ts'

/** CIDs that one question about what a peer holds may name. */
export const HOLDS_MAX = 256
/** Bytes of CIDs in one question: it has to fit the first message of a call. */
const HOLDS_BYTES_MAX = 32 * 1024

/**
 * Asks a peer which of at most `HOLDS_MAX` CIDs are allocated to it and pinned there; answers in their order. Throws when
 * it does not answer.
 */
export type AskHolds = (
  peer: PeerId,
  cids: readonly Cid[],
  options: { readonly signal: AbortSignal },
) => Promise<readonly boolean[]>

/** Cuts into questions of a size that can be asked. */
export function* toQuestions<Item extends { readonly cid: Cid }>(items: Iterable<Item>): Generator<Item[]> {
  let question: Item[] = []
  let bytes = 0
  for (const item of items) {
    const { length } = item.cid.bytes
    if (question.length > 0 && (question.length >= HOLDS_MAX || bytes + length > HOLDS_BYTES_MAX)) {
      yield question
      question = []
      bytes = 0
    }
    question.push(item)
    bytes += length
  }
  if (question.length > 0) yield question
}

/** Of how many allocated peers it must be known that they hold the content before another may let go of it. */
export function keepersNeeded(pin: Pick<Pin, 'replicationMin' | 'replicationMax' | 'allocations'>): number {
  if (isEverywhere(pin)) return Number.POSITIVE_INFINITY
  return Math.max(1, Math.min(pin.replicationMin, pin.allocations.length))
}
