import type { Stream } from '@libp2p/interface'
import type { Clock } from '../../../lib/clock.ts'
import type { Cid } from '../../../model/cid.ts'
import { type BlockKey, blockKey } from '../block-key.ts'
import { drained, frame } from './frames.ts'
import { type BitswapMessage, encodeMessage, type WantEntry, type WantKind } from './message.ts'

/** What a link needs of its node. */
export interface LinkComponents {
  readonly clock: Clock
  /** Opens a stream to the peer. */
  readonly openStream: (signal: AbortSignal) => Promise<Stream>
  readonly readBlock: (key: BlockKey) => Promise<Uint8Array | undefined>
  readonly onFailure: (thrown: unknown) => void
}

const WANTS_REMEMBERED_MAX = 4096
const SEND_LIMIT_MS = 30_000
const STREAM_IDLE_MS = 5000
const MESSAGE_BYTES = 1_048_576
const ENTRIES_A_MESSAGE = 1024
const INSTEAD_OF_HAVE_BYTES = 1024

/** One peer that speaks bitswap: what it wants from here, and what is yet to be sent to it. */
export class PeerLink {
  readonly #components: LinkComponents
  readonly #closing = new AbortController()
  /** What the peer asked for and did not get. The oldest are forgotten first when there are too many. */
  readonly #wanted = new Map<BlockKey, WantEntry>()
  readonly #entries = new Map<BlockKey, WantEntry>()
  /** Those of them that are to be answered now: a peer that asks faster than it reads is not answered all of it. */
  readonly #answers = new Map<BlockKey, WantEntry>()
  #stream: Stream | undefined
  #sentAt = 0
  #sending: Promise<void> | undefined
  /** How useful the peer was lately, from 0 to 1. */
  score = 0.5
  /** Blocks that were asked for and have neither come nor been refused. */
  asked = 0

  constructor(components: LinkComponents) {
    this.#components = components
  }

  /** Asks the peer for a block, or whether it has it; undefined = no more. */
  want(cid: Cid, kind: WantKind | undefined): void {
    this.#entries.set(blockKey(cid), { cid, kind, isAnsweredAlways: kind !== undefined })
    this.#send()
  }

  /** Takes in what the peer wants. */
  wantedBy({ isFullList, wants }: Pick<BitswapMessage, 'isFullList' | 'wants'>): void {
    if (isFullList) {
      this.#wanted.clear()
      this.#answers.clear()
    }
    for (const entry of wants) {
      const key = blockKey(entry.cid)
      this.#wanted.delete(key)
      if (entry.kind === undefined) {
        this.#answers.delete(key)
        continue
      }
      this.#wanted.set(key, entry)
      this.#answers.set(key, entry)
      if (this.#wanted.size <= WANTS_REMEMBERED_MAX) continue
      const [oldest] = this.#wanted.keys()
      if (oldest === undefined) continue
      this.#wanted.delete(oldest)
      this.#answers.delete(oldest)
    }
    this.#send()
  }

  /** The block is here now: the peer gets it if it had asked. */
  announce(key: BlockKey): void {
    const entry = this.#wanted.get(key)
    if (entry === undefined) return
    this.#answers.set(key, { ...entry, isAnsweredAlways: false })
    this.#send()
  }

  /** Stops sending. */
  async close(): Promise<void> {
    this.#closing.abort(new DOMException('stopped', 'AbortError'))
    this.#stream?.abort(new Error('the peer is gone'))
    await this.#sending
  }

  #send(): void {
    if (this.#closing.signal.aborted) return
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
    })
  }

  async #sendAll(): Promise<void> {
    // All that is said in one turn of the event loop goes in one message.
    await Promise.resolve()
    try {
      while (this.#entries.size > 0 || this.#answers.size > 0) {
        const message = await this.#nextMessage()
        if (message.wants.length + message.blocks.length + message.presences.length === 0) continue
        const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(SEND_LIMIT_MS)])
        const stream = await this.#openStream(signal)
        stream.send(frame(encodeMessage(message)))
        this.#sentAt = this.#components.clock.monotonic()
        await drained(stream, signal)
      }
    } catch (thrown) {
      this.#stream?.abort(new Error('sending failed'))
      this.#stream = undefined
      this.#entries.clear()
      this.#answers.clear()
      if (!this.#closing.signal.aborted) this.#components.onFailure(thrown)
    }
  }

  async #nextMessage(): Promise<BitswapMessage> {
    const wants = take(this.#entries, ENTRIES_A_MESSAGE)
    const blocks: { readonly cid: Cid; readonly bytes: Uint8Array }[] = []
    const presences: { readonly cid: Cid; readonly isHad: boolean }[] = []
    let sizeBytes = 0
    for (const [key, entry] of this.#answers) {
      if (sizeBytes >= MESSAGE_BYTES || presences.length >= ENTRIES_A_MESSAGE) break
      this.#answers.delete(key)
      const bytes = await this.#components.readBlock(key)
      if (bytes === undefined) {
        if (entry.isAnsweredAlways) presences.push({ cid: entry.cid, isHad: false })
      } else if (entry.kind === 'have' && bytes.length > INSTEAD_OF_HAVE_BYTES) {
        presences.push({ cid: entry.cid, isHad: true })
      } else {
        this.#wanted.delete(key)
        blocks.push({ cid: entry.cid, bytes })
        sizeBytes += bytes.length
      }
    }
    return { isFullList: false, wants, blocks, presences }
  }

  /** The stream for what is to be sent; one that lay idle may have been closed by the other side, so it is not used again. */
  async #openStream(signal: AbortSignal): Promise<Stream> {
    const idleMs = this.#components.clock.monotonic() - this.#sentAt
    const current = this.#stream
    if (current?.status === 'open' && idleMs < STREAM_IDLE_MS) return current
    if (current?.status === 'open') current.close({ signal }).catch(this.#components.onFailure)
    this.#stream = await this.#components.openStream(signal)
    return this.#stream
  }
}

function take(entries: Map<BlockKey, WantEntry>, max: number): readonly WantEntry[] {
  const taken: WantEntry[] = []
  for (const [key, entry] of entries) {
    if (taken.length >= max) break
    entries.delete(key)
    taken.push(entry)
  }
  return taken
}
