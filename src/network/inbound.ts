import { ClusterError } from '../errors.ts'
import type { PeerId } from '../model/peer.ts'

/** What one peer may use up here by its streams, over all of its connections. */
export interface InboundLimits {
  /** Streams of one protocol. */
  readonly streamsMax: number
  /** Bytes that came and were not handed to a handler yet, over all streams. */
  readonly bytesMax: number
}

/** What is kept for the streams that other peers have open here. */
export class Inbound {
  readonly #limits: InboundLimits
  readonly #peers = new Map<PeerId, Usage>()

  constructor(limits: InboundLimits) {
    this.#limits = limits
  }

  /** Peers that have a stream open here. */
  get size(): number {
    return this.#peers.size
  }

  /** Room for one more stream, to be disposed when the stream is over. `RATE_LIMITED` when the peer has too many. */
  open(peer: PeerId, protocol: string): Allowance {
    const usage = this.#peers.get(peer) ?? { bytes: 0, streams: new Map<string, number>() }
    const count = usage.streams.get(protocol) ?? 0
    if (count >= this.#limits.streamsMax) {
      const text = `peer ${peer} opens more than ${this.#limits.streamsMax} streams of ${protocol}`
      throw new ClusterError('RATE_LIMITED', text)
    }
    this.#peers.set(peer, usage)
    usage.streams.set(protocol, count + 1)
    return new Allowance(peer, usage, this.#limits.bytesMax, () => {
      const left = (usage.streams.get(protocol) ?? 1) - 1
      if (left > 0) usage.streams.set(protocol, left)
      else usage.streams.delete(protocol)
      if (usage.streams.size === 0) this.#peers.delete(peer)
    })
  }
}

interface Usage {
  bytes: number
  readonly streams: Map<string, number>
}

/** What one stream holds of its peer's share. */
export class Allowance implements Disposable {
  readonly #peer: PeerId
  readonly #usage: Usage
  readonly #bytesMax: number
  readonly #onDispose: () => void
  #bytes = 0
  #isDisposed = false

  constructor(peer: PeerId, usage: Usage, bytesMax: number, onDispose: () => void) {
    this.#peer = peer
    this.#usage = usage
    this.#bytesMax = bytesMax
    this.#onDispose = onDispose
  }

  /** Says how much the stream holds now. `TOO_LARGE` when that is more than before and the peer has no room left. */
  hold(bytes: number): void {
    if (this.#isDisposed) return
    const more = bytes - this.#bytes
    if (more > 0 && this.#usage.bytes + more > this.#bytesMax) {
      const text = `peer ${this.#peer} has sent more than ${this.#bytesMax} bytes that nobody could read yet`
      throw new ClusterError('TOO_LARGE', text)
    }
    this.#bytes = bytes
    this.#usage.bytes += more
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return
    this.hold(0)
    this.#isDisposed = true
    this.#onDispose()
  }
}
