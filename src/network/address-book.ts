import { multiaddr } from '@multiformats/multiaddr'
import { backoffMs } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { PeerId } from '../model/peer.ts'

const PEERS_MAX = 2048
const ADDRESSES_MAX = 8
/** Peers that were only heard of are forgotten after this many failures in a row. */
const FAILURES_MAX = 12
const BACKOFF = { firstMs: 1000, maxMs: 60_000 }
/** Longest wait for a kept address while nobody is connected: then nothing else brings this peer back. */
const ALONE_MAX_MS = 10_000
/** Of two peers that hear of each other at once, the one with the greater id lets the other dial first. */
const COURTESY_MS = 500

interface Entry {
  readonly kept: Set<string>
  learned: readonly string[]
  failures: number
  failedAtMs: number
  nextDialMs: number
}

/**
 * Where other peers can be reached, and when to dial them next. Kept addresses are the operator's: tried for ever and
 * never displaced. Learned ones are hearsay: bounded, and forgotten when they lead nowhere.
 */
export class AddressBook {
  readonly #self: PeerId
  readonly #clock: Clock
  readonly #random: Random
  readonly #entries = new Map<PeerId, Entry>()

  constructor(self: PeerId, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#self = self
    this.#clock = clock
    this.#random = random
  }

  get size(): number {
    return this.#entries.size
  }

  /** An address to keep a connection to. */
  keep(address: string): void {
    const peer = peerOf(address)
    if (peer === undefined || peer === this.#self) return
    const entry = this.#entry(peer)
    entry.kept.add(address)
    entry.nextDialMs = this.#clock.monotonic()
  }

  /**
   * Hearsay: addresses that each end in the id of the peer that they are said to be of. What is no address at all is passed
   * over: all addresses of a peer are dialled together, and one that cannot be read would spoil the others.
   */
  learn(addresses: readonly string[]): void {
    for (const address of addresses) {
      const peer = peerOf(address)
      if (peer === undefined || peer === this.#self) continue
      if (!this.#entries.has(peer) && this.#entries.size >= PEERS_MAX) continue
      if (!isReadable(address)) continue
      const entry = this.#entry(peer)
      const others = entry.learned.filter(known => known !== address)
      entry.learned = [address, ...others].slice(0, ADDRESSES_MAX)
    }
  }

  addressesOf(peer: PeerId): readonly string[] {
    const entry = this.#entries.get(peer)
    return entry === undefined ? [] : [...new Set([...entry.kept, ...entry.learned])]
  }

  /** Every address known, of peers other than the given one. */
  *all(except: PeerId): Iterable<string> {
    for (const peer of this.#entries.keys()) if (peer !== except) yield* this.addressesOf(peer)
  }

  /**
   * Whom to dial now: those to keep first, then at most `wantedCount` others by chance. A peer that is alone, with no
   * connection to anybody, tries those to keep more often.
   */
  due(isConnected: (peer: PeerId) => boolean, wantedCount: number, isAlone = false): readonly PeerId[] {
    const nowMs = this.#clock.monotonic()
    const kept: PeerId[] = []
    const others: (readonly [order: number, peer: PeerId])[] = []
    for (const [peer, entry] of this.#entries) {
      const isKept = entry.kept.size > 0
      const dialMs =
        isAlone && isKept ? Math.min(entry.nextDialMs, entry.failedAtMs + ALONE_MAX_MS) : entry.nextDialMs
      if (dialMs > nowMs || isConnected(peer)) continue
      if (isKept) kept.push(peer)
      else if (entry.learned.length > 0) others.push([this.#random.next(), peer])
    }
    const chosen = others
      .sort(([a], [b]) => a - b)
      .slice(0, Math.max(0, wantedCount - kept.length))
      .map(([, peer]) => peer)
    return [...kept, ...chosen]
  }

  /** Whether the operator named the peer. */
  isKept(peer: PeerId): boolean {
    return (this.#entries.get(peer)?.kept.size ?? 0) > 0
  }

  /** A connection stands. */
  connected(peer: PeerId): void {
    const entry = this.#entries.get(peer)
    if (entry !== undefined) entry.failures = 0
  }

  /** A dial failed: wait longer, or forget hearsay. */
  failed(peer: PeerId): void {
    const entry = this.#entries.get(peer)
    if (entry === undefined) return
    entry.failures++
    entry.failedAtMs = this.#clock.monotonic()
    if (entry.kept.size === 0 && entry.failures > FAILURES_MAX) this.#entries.delete(peer)
    else entry.nextDialMs = entry.failedAtMs + backoffMs(entry.failures, BACKOFF, this.#random)
  }

  #entry(peer: PeerId): Entry {
    const known = this.#entries.get(peer)
    if (known !== undefined) return known
    const waitMs = this.#self < peer ? 0 : COURTESY_MS * (1 + this.#random.next())
    const entry: Entry = {
      kept: new Set(),
      learned: [],
      failures: 0,
      failedAtMs: Number.POSITIVE_INFINITY,
      nextDialMs: this.#clock.monotonic() + waitMs,
    }
    this.#entries.set(peer, entry)
    return entry
  }
}

function isReadable(address: string): boolean {
  try {
    return multiaddr(address).getComponents().length > 1
  } catch (thrown) {
    // Anything can come from other peers; the library says so with errors of many kinds.
    if (thrown instanceof Error) return false
    throw thrown
  }
}

/** The peer id at the end of an address. */
export function peerOf(address: string): PeerId | undefined {
  return /\/p2p\/([1-9A-HJ-NP-Za-km-z]{20,100})$/.exec(address)?.[1]
}
