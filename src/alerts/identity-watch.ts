import type { Monitor } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import type { AlertBook } from './alert-book.ts'
import { nameOf } from './wording.ts'

/** Both were heard in turns, every few seconds: after so long one of them has stopped. */
const QUIET_MS = 120_000

/** What watching for copied identities needs. */
export interface IdentityWatchParts {
  readonly self: PeerId
  readonly book: AlertBook
  readonly monitor: Pick<Monitor, 'hello' | 'onSecondRun'>
  readonly clock: { monotonic(): number }
}

/** Alerts of peers whose identity two daemons use at the same time; this one may be among them. */
export class IdentityWatch implements Disposable {
  readonly #parts: IdentityWatchParts
  readonly #seenAtMs = new Map<PeerId, number>()
  readonly #listening: Disposable

  constructor(parts: IdentityWatchParts) {
    this.#parts = parts
    this.#listening = parts.monitor.onSecondRun(peer => this.#note(peer))
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]()
  }

  check(): void {
    const { book, clock } = this.#parts
    for (const [peer, seenAtMs] of this.#seenAtMs) {
      if (clock.monotonic() - seenAtMs < QUIET_MS) continue
      this.#seenAtMs.delete(peer)
      book.clear('identity-copied', peer)
    }
  }

  #note(peer: PeerId): void {
    const { self, book, clock, monitor } = this.#parts
    this.#seenAtMs.set(peer, clock.monotonic())
    const who =
      peer === self
        ? 'another daemon runs with the identity of this peer'
        : `two daemons run with the identity of ${nameOf(monitor, peer)}`
    const message = `${who}, from a copied folder or machine: what either of them acknowledges may be lost. Stop the copy at once; it needs an identity and a pinset of its own, made by "cluster-service init" in an empty folder`
    book.raise('identity-copied', peer, message)
  }
}
