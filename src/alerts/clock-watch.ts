import type { Monitor } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import type { AlertBook } from './alert-book.ts'
import { ClockSkew } from './clock-skew.ts'
import { nameOf, roughly } from './wording.ts'

/** What comparing clocks needs. */
export interface ClockWatchParts {
  readonly self: PeerId
  readonly book: AlertBook
  readonly monitor: Pick<Monitor, 'health' | 'hello' | 'onBeat'>
  /** By how much clocks may differ, milliseconds. */
  readonly maxMs: number
}

/** Alerts of clocks that are wrong, be it a peer's or our own. An alert is cleared when half of the bound is kept. */
export class ClockWatch implements Disposable {
  readonly #parts: ClockWatchParts
  readonly #skew = new ClockSkew()
  readonly #listening: Disposable

  constructor(parts: ClockWatchParts) {
    this.#parts = parts
    this.#listening = parts.monitor.onBeat(({ peer, sentAtMs, receivedAtMs }) =>
      this.#skew.note(peer, sentAtMs, receivedAtMs),
    )
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]()
  }

  check(): void {
    const { self, book, monitor, maxMs } = this.#parts
    const silent = monitor
      .health()
      .filter(({ condition }) => condition !== 'alive' && condition !== 'suspect')
    for (const { peer } of silent) this.#skew.forget(peer)
    for (const { peer = self, aheadMs } of this.#skew.beyond(maxMs)) {
      const by = `${roughly(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'}`
      const whose = peer === self ? 'the clock of this peer' : `the clock of ${nameOf(monitor, peer)}`
      const than = peer === self ? 'those of most peers' : 'that of this peer'
      book.raise('clock-skew', peer, `${whose} is ${by} ${than}: let a time service (NTP) set it`)
    }
    const stillOff = new Set(this.#skew.beyond(maxMs / 2).map(({ peer = self }) => peer))
    for (const subject of book.subjects('clock-skew'))
      if (!stillOff.has(subject)) book.clear('clock-skew', subject)
  }
}
