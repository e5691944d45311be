import { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import type { Token, TokenUse } from '../../model/token.ts'

/** What a token may still do: its limits, and what was used of them. */
export class Quota {
  readonly #token: Token
  readonly #clock: Clock
  readonly #rate: TokenBucket | undefined
  readonly #onChange: () => void
  #pins: number
  #bytes: number
  #lastMs: number | undefined

  constructor(token: Token, used: TokenUse, clock: Clock, onChange: () => void) {
    const perSecond = token.limits.requestsPerSecond
    this.#token = token
    this.#clock = clock
    this.#rate = perSecond === 0 ? undefined : new TokenBucket(clock, { capacity: perSecond, perSecond })
    this.#onChange = onChange
    this.#pins = used.pins
    this.#bytes = used.bytes
    this.#lastMs = used.lastMs
  }

  /** Whether pins or bytes are limited. */
  get isCounted(): boolean {
    return this.#token.limits.pins > 0 || this.#token.limits.bytes > 0
  }

  get used(): TokenUse {
    return { pins: this.#pins, bytes: this.#bytes, lastMs: this.#lastMs }
  }

  /** Counts a request. Throws `RATE_LIMITED` when there were too many within a second. */
  takeRequest(): void {
    this.#lastMs = this.#clock.now()
    this.#onChange()
    if (this.#rate?.tryTake(1) !== false) return
    const { name, limits } = this.#token
    throw new ClusterError(
      'RATE_LIMITED',
      `the token "${name}" may make ${limits.requestsPerSecond} requests a second: try again later`,
    )
  }

  /** Reserves one pin. Throws `FORBIDDEN` when all are used. */
  takePin(): void {
    const { name, limits } = this.#token
    if (limits.pins > 0 && this.#pins >= limits.pins)
      throw new ClusterError(
        'FORBIDDEN',
        `the token "${name}" has made all ${limits.pins} pins that it may make`,
      )
    this.#pins += 1
    this.#onChange()
  }

  /** Gives back pins that were not made. */
  returnPins(count: number): void {
    this.#pins -= count
    this.#onChange()
  }

  /** Counts content. Throws `FORBIDDEN` when there is too much of it; what does not fit is not counted. */
  takeBytes(count: number): void {
    const { name, limits } = this.#token
    if (limits.bytes > 0 && this.#bytes + count > limits.bytes)
      throw new ClusterError(
        'FORBIDDEN',
        `the token "${name}" may add ${limits.bytes} bytes in all, of which ${limits.bytes - this.#bytes} are left`,
      )
    this.#bytes += count
    this.#onChange()
  }
}
