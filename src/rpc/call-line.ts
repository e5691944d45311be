import { ClusterError } from '../errors.ts'
import type { PeerId } from '../model/peer.ts'
import type { ClientParts } from './client.ts'
import type { RpcConfig } from './config.ts'
import { callsToBytes, type Numbered, repliesFromBytes } from './line-codec.ts'
import { Outbox } from './outbox.ts'

/** Calls under way on one stream; more wait for their turn. */
const UNDER_WAY_MAX = 256
const WAITING_MAX = 16_384
/** Bytes of all calls without an answer. A peer that stands still must not have its callers hold more than that for it. */
const BYTES_MAX = 16 * 1024 * 1024
/** While so many calls are without an answer, further ones wait a moment for company. */
const BUSY = 4
const PATIENCE_MS = 2

interface Pending {
  readonly id: number
  readonly bytes: Uint8Array
  /** What goes out for it. */
  readonly outgoing: Outgoing
  readonly beganMs: number
  readonly resolve: (reply: Uint8Array) => void
  readonly reject: (thrown: unknown) => void
}

type Outgoing = { readonly call: Numbered } | { readonly cancel: number }

/** The calling side of a stream that many calls to one peer share. It opens at once, and is of use until `isOpen` is false. */
export class CallLine {
  readonly #parts: ClientParts
  readonly #config: RpcConfig
  readonly #peer: PeerId
  readonly #outbox: Outbox<Outgoing>
  readonly #underWay = new Map<number, Pending>()
  readonly #waiting = new Map<number, Pending>()
  readonly #stop = new AbortController()
  /** Resolves when the stream is over and every call is settled. */
  readonly ended: Promise<void>
  #nextId = 0
  #bytesCount = 0
  #heardMs: number
  #isOpen = true
  #idleTimer: Disposable | undefined

  constructor(parts: ClientParts, config: RpcConfig, peer: PeerId) {
    this.#parts = parts
    this.#config = config
    this.#peer = peer
    this.#heardMs = parts.clock.monotonic()
    const isBusy = () => this.#underWay.size - this.#outbox.size >= BUSY
    this.#outbox = new Outbox({ clock: parts.clock, isBusy, patienceMs: PATIENCE_MS })
    this.ended = this.#run()
  }

  /** Whether it takes calls. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Sends a call and waits for the bytes of its reply. `toTimeout` is what is thrown when none comes in time. */
  async call(bytes: Uint8Array, signal: AbortSignal, toTimeout: () => ClusterError): Promise<Uint8Array> {
    const isFull = this.#bytesCount > 0 && this.#bytesCount + bytes.length > BYTES_MAX
    if (isFull || this.#waiting.size >= WAITING_MAX) {
      throw new ClusterError('PEER_UNREACHABLE', `too many calls wait for peer ${this.#peer}`, {
        details: { peer: this.#peer },
      })
    }
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const id = this.#nextId++
    const outgoing: Outgoing = { call: [id, bytes] }
    const pending = { id, bytes, outgoing, beganMs: this.#parts.clock.monotonic(), resolve, reject }
    this.#bytesCount += bytes.length
    const onAbort = () => this.#giveUp(pending, signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const timer = this.#parts.clock.schedule(this.#config.answerTimeoutMs, () => {
      this.#giveUp(pending, toTimeout())
      // A stream over which nothing at all has come meanwhile is of no use to others either.
      if (this.#heardMs <= pending.beganMs) this.close(this.#unreachable('it is silent'))
    })
    this.#idleTimer?.[Symbol.dispose]()
    this.#waiting.set(pending.id, pending)
    this.#sendWaiting()
    try {
      return await promise
    } finally {
      this.#bytesCount -= bytes.length
      timer[Symbol.dispose]()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Ends the stream; calls that wait throw the reason. */
  close(reason: unknown): void {
    this.#isOpen = false
    this.#stop.abort(reason)
  }

  async #run(): Promise<void> {
    const { network, protocol } = this.#parts
    let reason: unknown
    try {
      const messages = network.request(this.#peer, protocol, this.#outgoing(), { signal: this.#stop.signal })
      for await (const message of messages) this.#receive(message)
      reason = this.#unreachable('it ended the stream')
    } catch (thrown) {
      reason = thrown
    }
    this.#isOpen = false
    this.#idleTimer?.[Symbol.dispose]()
    this.#outbox.end()
    for (const { reject } of [...this.#underWay.values(), ...this.#waiting.values()]) reject(reason)
    this.#underWay.clear()
    this.#waiting.clear()
  }

  async *#outgoing(): AsyncIterable<Uint8Array> {
    for await (const batch of this.#outbox.batches()) {
      const calls = batch.flatMap(item => ('call' in item ? [item.call] : []))
      const cancels = batch.flatMap(item => ('cancel' in item ? [item.cancel] : []))
      yield callsToBytes({ calls, cancels })
    }
  }

  #receive(message: Uint8Array): void {
    this.#heardMs = this.#parts.clock.monotonic()
    for (const [id, bytes] of this.#repliesIn(message)) {
      // A reply to nobody: the call was given up while it was on the way.
      this.#underWay.get(id)?.resolve(bytes)
      this.#underWay.delete(id)
    }
    this.#sendWaiting()
    this.#outbox.hurry()
  }

  #repliesIn(message: Uint8Array): readonly Numbered[] {
    try {
      return repliesFromBytes(message)
    } catch (cause) {
      throw this.#unreachable('it answers with something that this version does not understand', cause)
    }
  }

  #sendWaiting(): void {
    for (const [id, pending] of this.#waiting) {
      if (this.#underWay.size >= UNDER_WAY_MAX) return
      this.#waiting.delete(id)
      this.#underWay.set(id, pending)
      this.#outbox.push(pending.outgoing, pending.bytes.length)
    }
    if (this.#underWay.size === 0) this.#closeWhenIdle()
  }

  #giveUp({ id, outgoing, reject }: Pending, reason: unknown): void {
    reject(reason)
    this.#waiting.delete(id)
    // What has not gone out yet need not be cancelled, and does not wait for a peer that stands still.
    if (this.#underWay.delete(id) && !this.#outbox.withdraw(outgoing)) this.#outbox.push({ cancel: id }, 8)
    this.#sendWaiting()
  }

  #closeWhenIdle(): void {
    this.#idleTimer?.[Symbol.dispose]()
    this.#idleTimer = this.#parts.clock.schedule(this.#config.lineIdleMs, () => {
      this.#isOpen = false
      this.#outbox.end()
    })
  }

  #unreachable(why: string, cause?: unknown): ClusterError {
    return new ClusterError('PEER_UNREACHABLE', `the calls to peer ${this.#peer} broke off: ${why}`, {
      cause,
      details: { peer: this.#peer },
    })
  }
}
