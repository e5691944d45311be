import { ClusterError, messageOf } from '../errors.ts'
import type { ByteStore, Logger, StoreWrite } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { repeat } from '../lib/repeat.ts'

/** What guarding needs. */
export interface GuardedWritesParts {
  readonly store: Pick<ByteStore, 'batch'>
  readonly clock: Clock
  readonly logger: Logger
  /** Opens the store anew and reads everything back; throws while the disk still refuses. */
  readonly recover: () => Promise<void>
}

const RECOVERY_EVERY_MS = 2000
const COMPLAIN_EVERY_MS = 300_000

/**
 * The way to disk. After a write has failed nothing is written any more until the state was read back from a store that
 * was opened anew: what the disk took of the failed write is not known before.
 */
export class GuardedWrites implements AsyncDisposable {
  readonly #parts: GuardedWritesParts
  readonly #recovery: AsyncDisposable
  #failure: ClusterError | undefined
  #complainedAtMs = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(parts: GuardedWritesParts) {
    this.#parts = parts
    const { clock } = parts
    const onError = (error: unknown) => this.#complain(error)
    this.#recovery = repeat({ clock, everyMs: RECOVERY_EVERY_MS, onError }, () => this.#recover())
  }

  /** Why no writes are taken; undefined when they are. */
  get failure(): ClusterError | undefined {
    return this.#failure
  }

  /** Whether writes are taken. */
  get isOpen(): boolean {
    return !this.#isClosed && this.#failure === undefined
  }

  /** Throws `NOT_READY` when stopping, `READ_ONLY` when the disk failed. */
  check(): void {
    if (this.#isClosed) throw new ClusterError('NOT_READY', 'this peer is stopping')
    if (this.#failure === undefined) return
    throw new ClusterError(
      'READ_ONLY',
      `this peer takes no writes until its disk does: ${this.#failure.message}`,
      { cause: this.#failure },
    )
  }

  /**
   * Writes all or nothing, `STORE_FAILED` when the disk refuses. Always synced: a later batch that survives a power cut
   * must not build on one that did not.
   */
  async write(writes: readonly StoreWrite[]): Promise<void> {
    try {
      await this.#parts.store.batch(writes, { isSynced: true })
    } catch (thrown) {
      const error =
        thrown instanceof ClusterError
          ? thrown
          : new ClusterError('STORE_FAILED', messageOf(thrown), { cause: thrown })
      this.#failure = error
      this.#parts.logger.error(
        'the disk refused a write: this peer is read-only until it takes writes again',
        { error },
      )
      throw error
    }
  }

  async #recover(): Promise<void> {
    if (this.#failure === undefined) return
    await this.#parts.recover()
    this.#failure = undefined
    this.#complainedAtMs = Number.NEGATIVE_INFINITY
    this.#parts.logger.warn('the disk takes writes again')
  }

  #complain(error: unknown): void {
    const { clock, logger } = this.#parts
    const nowMs = clock.monotonic()
    if (nowMs - this.#complainedAtMs < COMPLAIN_EVERY_MS) return
    this.#complainedAtMs = nowMs
    logger.warn('the disk still takes no writes', { error })
  }

  /** Takes no more writes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#recovery[Symbol.asyncDispose]()
  }
}
