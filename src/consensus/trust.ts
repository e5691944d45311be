import { ClusterError } from '../errors.ts'
import type { ByteStore, StoreWrite } from '../interfaces.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { equalBytes } from '../lib/bytes.ts'
import { Emitter } from '../lib/emitter.ts'
import { type PeerId, peerIdBytes } from '../model/peer.ts'
import { DIGEST_BYTES, digestOfBytes } from './head.ts'
import { compareTimes, type HlcTime } from './hlc.ts'
import { metaKey } from './keys.ts'
import { decodeTime, encodeTime } from './record.ts'

/** What was said of a peer at run time; the latest word counts. */
interface Word {
  readonly isTrusted: boolean
  readonly time: HlcTime
}

/** Where words are written, and what gives them their times. */
interface Ground {
  tick(): HlcTime
  follow(time: HlcTime): boolean
  writeRecord(record: StoreWrite): Promise<void>
}

const TRUST_KEY = metaKey('trust')
const WORDS_MAX = 1000
const PEER_ID_LENGTH_MAX = 128

/**
 * Whom this peer believes: the configured peers, and on top of them what was said while running, here or at a peer that
 * is believed. For each peer the latest word counts, so all peers that exchange their words end with the same.
 */
export class Trust {
  readonly #self: PeerId
  readonly #configured: ReadonlySet<PeerId> | undefined
  readonly #changed = new Emitter<PeerId>()
  #words: ReadonlyMap<PeerId, Word>

  private constructor(
    self: PeerId,
    configured: ReadonlySet<PeerId> | undefined,
    words: ReadonlyMap<PeerId, Word>,
  ) {
    this.#self = self
    this.#configured = configured
    this.#words = words
  }

  /** With what was said before; `configured` undefined = every peer. */
  static async open(
    store: Pick<ByteStore, 'get'>,
    self: PeerId,
    configured: ReadonlySet<PeerId> | undefined,
  ): Promise<Trust> {
    const stored = await store.get(TRUST_KEY)
    return new Trust(self, configured, stored === undefined ? new Map() : decodeWords(stored))
  }

  /** Told of each peer of whom something else is believed now. */
  onChanged(listener: (peer: PeerId) => void): Disposable {
    return this.#changed.on(listener)
  }

  isTrusted(peer: PeerId): boolean {
    if (peer === this.#self) return true
    return this.#words.get(peer)?.isTrusted ?? (this.#configured === undefined || this.#configured.has(peer))
  }

  /** Whether the cluster, as far as this peer knows, believes this peer. */
  get isSelfTrusted(): boolean {
    return this.#words.get(this.#self)?.isTrusted ?? true
  }

  /** Configured peers (`*` = every one), and what was said of others since. */
  get list(): { readonly configured: readonly string[]; readonly changed: ReadonlyMap<PeerId, boolean> } {
    return {
      configured: this.#configured === undefined ? ['*'] : [...this.#configured].sort(),
      changed: new Map([...this.#words].map(([peer, { isTrusted }]) => [peer, isTrusted])),
    }
  }

  /** Equal on two peers exactly when the same was said at both; zero when nothing was. */
  get digest(): Uint8Array {
    if (this.#words.size === 0) return new Uint8Array(DIGEST_BYTES)
    return digestOfBytes(this.encode())
  }

  /** All words in bytes. */
  encode(): Uint8Array {
    return encodeWords(this.#words)
  }

  /** Says that a peer is believed, or not, from now on. */
  async say(peer: PeerId, isTrusted: boolean, on: Ground): Promise<void> {
    peerIdBytes(peer)
    if (peer === this.#self)
      throw new ClusterError('REFUSED', 'a peer cannot say of itself whether it is trusted: ask another one')
    if (!this.#words.has(peer) && this.#words.size >= WORDS_MAX)
      throw new ClusterError('REFUSED', `what is trusted can be changed for at most ${WORDS_MAX} peers`)
    await this.#take(new Map([...this.#words, [peer, { isTrusted, time: on.tick() }]]), on)
  }

  /**
   * Takes what was said at a peer (`from`) that is believed, but not that it is to be believed itself. What lies too far ahead in time waits until it is due: nobody could
   * take it back. Throws `INVALID_ARGUMENT` when it can't be read.
   */
  async merge(bytes: Uint8Array, from: PeerId, on: Ground): Promise<void> {
    const words = new Map(this.#words)
    for (const [peer, word] of decodeWords(bytes)) {
      peerIdBytes(peer)
      if ((peer === from && word.isTrusted) || !on.follow(word.time)) continue
      const known = words.get(peer)
      if (known === undefined || isLater(word, known)) words.set(peer, word)
    }
    const latest = [...words].sort(([, a], [, b]) => compareTimes(b.time, a.time)).slice(0, WORDS_MAX)
    await this.#take(new Map(latest), on)
  }

  async #take(words: ReadonlyMap<PeerId, Word>, on: Ground): Promise<void> {
    const before = this.#words
    const value = encodeWords(words)
    // Peers that differ in a word which is not due yet tell each other the same again and again.
    if (equalBytes(value, encodeWords(before))) return
    await on.writeRecord({ key: TRUST_KEY, value })
    this.#words = words
    for (const [peer, word] of words) {
      if (word.isTrusted !== before.get(peer)?.isTrusted) this.#changed.emit(peer)
    }
  }
}

/** Of two words at the same time, the careful one counts. */
function isLater(a: Word, b: Word): boolean {
  const order = compareTimes(a.time, b.time)
  return order > 0 || (order === 0 && !a.isTrusted && b.isTrusted)
}

function encodeWords(words: ReadonlyMap<PeerId, Word>): Uint8Array {
  const out = new ByteWriter().uint(words.size)
  for (const [peer, { isTrusted, time }] of [...words].sort(([a], [b]) => (a < b ? -1 : 1))) {
    out
      .text(peer)
      .byte(isTrusted ? 1 : 0)
      .raw(encodeTime(time))
  }
  return out.finish()
}

function decodeWords(bytes: Uint8Array): Map<PeerId, Word> {
  const input = new ByteReader(bytes)
  const words = new Map<PeerId, Word>()
  const count = input.uint(WORDS_MAX)
  for (let index = 0; index < count; index++) {
    const peer = input.text(PEER_ID_LENGTH_MAX)
    const isTrusted = input.byte() === 1
    words.set(peer, { isTrusted, time: decodeTime(input.raw(8)) })
  }
  input.end()
  return words
}
