import { ClusterError, toClusterError, wasStopped } from '../errors.ts'
import type { Ipfs, Logger } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import { parseCid } from '../model/cid.ts'

const PROBE = { firstMs: 1000, maxMs: 10_000 }
/** The empty content: asking about it costs a node nothing. */
const PROBE_CID = parseCid('bafkqaaa')

/** What the gate needs. `onOpen` is called each time the node answers again. */
export interface GateParts {
  readonly ipfs: Pick<Ipfs, 'pinned'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly onOpen: () => void
}

/**
 * Whether it makes sense to send work to the IPFS node. One failure for want of an answer closes it, so that a node
 * that is down costs a few failed pins and not all; then one small question at a time, at most 10 s apart, finds out
 * when it is back. A refusal is an answer.
 */
export class IpfsGate implements AsyncDisposable {
  readonly #parts: GateParts
  readonly #stopping = new AbortController()
  #probing: Promise<void> | undefined
  #reason = ''

  constructor(parts: GateParts) {
    this.#parts = parts
  }

  get isOpen(): boolean {
    return this.#probing === undefined
  }

  /** Why it is closed. */
  get reason(): string {
    return this.#reason
  }

  /** The node did not answer. */
  close(reason: string): void {
    if (this.#stopping.signal.aborted || this.#probing !== undefined) return
    this.#reason = reason
    this.#parts.logger.warn('the IPFS node does not answer: pinning pauses until it does', { reason })
    this.#probing = this.#probe()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new DOMException('stopped', 'AbortError'))
    await this.#probing
  }

  async #probe(): Promise<void> {
    const { ipfs, clock, random, logger, onOpen } = this.#parts
    const { signal } = this.#stopping
    try {
      for (let failures = 1; ; failures += 1) {
        await clock.sleep(backoffMs(failures, PROBE, random), signal)
        const failure = await failureOf(() => ipfs.pinned(PROBE_CID, { signal }))
        signal.throwIfAborted()
        if (failure === undefined) break
        this.#reason = failure
      }
    } catch (thrown) {
      if (wasStopped(thrown, signal)) return
      throw thrown
    }
    this.#probing = undefined
    this.#reason = ''
    logger.info('the IPFS node answers again')
    onOpen()
  }
}

/** Whether this error means that the node cannot be reached, rather than that it refused or was slow with one CID. */
export function isUnavailable(thrown: unknown): boolean {
  return thrown instanceof ClusterError && thrown.code === 'IPFS_UNAVAILABLE'
}

async function failureOf(ask: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await ask()
    return undefined
  } catch (thrown) {
    const { code, message } = toClusterError(thrown)
    return code === 'IPFS_UNAVAILABLE' || code === 'TIMEOUT' ? message : undefined
  }
}
