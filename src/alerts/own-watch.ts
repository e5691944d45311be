import { ClusterError, messageOf } from '../errors.ts'
import type { Consensus, Ipfs } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { PeerId } from '../model/peer.ts'
import type { AlertBook } from './alert-book.ts'
import { roughly } from './wording.ts'

const IPFS_LIMIT_MS = 5000
const MEBIBYTE = 1_048_576

/** What watching this peer itself needs. */
export interface OwnWatchParts {
  readonly self: PeerId
  readonly book: AlertBook
  readonly consensus: Pick<Consensus, 'state'>
  readonly ipfs: Pick<Ipfs, 'id'>
  readonly clock: Pick<Clock, 'monotonic'>
  /** Bytes that are free on the disk with the pinset. */
  readonly diskFreeBytes: () => Promise<number>
  readonly diskFreeMinBytes: number
  readonly ipfsDownAfterMs: number
}

/** Alerts of what this peer needs: a disk that takes writes, room on it, and its IPFS node. */
export class OwnWatch {
  readonly #parts: OwnWatchParts
  #ipfsSilentSinceMs: number | undefined

  constructor(parts: OwnWatchParts) {
    this.#parts = parts
  }

  async check(signal: AbortSignal): Promise<void> {
    this.#checkStore()
    await Promise.all([this.#checkDisk(), this.#checkIpfs(signal)])
  }

  #checkStore(): void {
    const { self, book, consensus } = this.#parts
    const { readOnly } = consensus.state
    if (readOnly === undefined) return book.clear('read-only', self)
    const message = `the pinset takes no writes here: ${readOnly}. Make room on the disk or repair it; writing goes on by itself`
    book.raise('read-only', self, message)
  }

  async #checkDisk(): Promise<void> {
    const { self, book, diskFreeBytes, diskFreeMinBytes } = this.#parts
    if (diskFreeMinBytes === 0) return
    const freeBytes = await diskFreeBytes()
    if (freeBytes >= diskFreeMinBytes) return book.clear('disk-nearly-full', self)
    const free = `${Math.floor(freeBytes / MEBIBYTE)} MiB`
    const message = `only ${free} are free on the disk with the pinset: make room before it takes no more writes`
    book.raise('disk-nearly-full', self, message)
  }

  async #checkIpfs(signal: AbortSignal): Promise<void> {
    const { self, book, clock, ipfsDownAfterMs } = this.#parts
    const failure = await this.#askIpfs(signal)
    if (failure === undefined) {
      this.#ipfsSilentSinceMs = undefined
      return book.clear('ipfs-down', self)
    }
    const nowMs = clock.monotonic()
    this.#ipfsSilentSinceMs ??= nowMs
    const silentMs = nowMs - this.#ipfsSilentSinceMs
    if (silentMs < ipfsDownAfterMs) return
    const message = `the IPFS node beside this peer does not answer since ${roughly(silentMs)}: ${failure}. Start it again; pinning goes on by itself`
    book.raise('ipfs-down', self, message)
  }

  /** Why it does not answer; undefined when it does. */
  async #askIpfs(signal: AbortSignal): Promise<string | undefined> {
    const limit = AbortSignal.timeout(IPFS_LIMIT_MS)
    try {
      const { error } = await this.#parts.ipfs.id({ signal: AbortSignal.any([signal, limit]) })
      return error === '' ? undefined : error
    } catch (thrown) {
      signal.throwIfAborted()
      if (limit.aborted) return `no answer within ${IPFS_LIMIT_MS / 1000} s`
      if (thrown instanceof ClusterError) return messageOf(thrown)
      throw thrown
    }
  }
}
