import type { PeerId } from '../model/peer.ts'

/** How long a connection may be without gossip before it is opened anew. Doubles each time that this did not help. */
const DEAF_MS = 30_000
const DEAF_MS_MAX = 3_600_000
/** How long a connected peer may subscribe to none of our topics. Longer, for it may truly have none in common. */
const SILENT_MS = 60_000

interface Watch {
  deafSinceMs: number | undefined
  silentSinceMs: number | undefined
  reconnects: number
  /** When the peer was connected last. */
  seenAtMs: number
}

/** What is known of connections and gossip at a moment. */
export interface GossipView {
  readonly connected: readonly PeerId[]
  /** Peers with which gossip goes on. */
  readonly gossiping: ReadonlySet<PeerId>
  /** Peers that listen to at least one of the topics of this peer. */
  readonly subscribed: ReadonlySet<PeerId>
  readonly hasTopics: boolean
}

/**
 * Finds connections over which gossip has died. gossipsub drops a peer when its stream is reset and takes it up again
 * only with a new connection, so that a healthy connection may be deaf for ever.
 */
export class DeafPeers {
  readonly #watches = new Map<PeerId, Watch>()

  /** The connections to close and open anew, by what is seen at this time (milliseconds of a monotonic clock). */
  find(view: GossipView, nowMs: number): readonly PeerId[] {
    const connected = new Set(view.connected)
    for (const [peer, watch] of this.#watches) {
      // One that was closed by us keeps its count for as long as the longest patience.
      const isOver = watch.reconnects === 0 || nowMs - watch.seenAtMs >= DEAF_MS_MAX
      if (!connected.has(peer) && isOver) this.#watches.delete(peer)
    }
    return view.connected.filter(peer => this.#isDeaf(peer, view, nowMs))
  }

  #isDeaf(peer: PeerId, view: GossipView, nowMs: number): boolean {
    const watch = this.#watches.get(peer) ?? {
      deafSinceMs: undefined,
      silentSinceMs: undefined,
      reconnects: 0,
      seenAtMs: nowMs,
    }
    watch.seenAtMs = nowMs
    this.#watches.set(peer, watch)
    const isGossiping = view.gossiping.has(peer)
    const isSubscribed = !view.hasTopics || view.subscribed.has(peer)
    watch.deafSinceMs = isGossiping ? undefined : (watch.deafSinceMs ?? nowMs)
    watch.silentSinceMs = isSubscribed ? undefined : (watch.silentSinceMs ?? nowMs)
    if (isGossiping && isSubscribed) {
      watch.reconnects = 0
      return false
    }
    const patience = 2 ** watch.reconnects
    const isDeaf = lasted(watch.deafSinceMs, nowMs, Math.min(DEAF_MS_MAX, DEAF_MS * patience))
    const isSilent = lasted(watch.silentSinceMs, nowMs, Math.min(DEAF_MS_MAX, SILENT_MS * patience))
    if (!isDeaf && !isSilent) return false
    watch.reconnects++
    watch.deafSinceMs = undefined
    watch.silentSinceMs = undefined
    return true
  }
}

function lasted(sinceMs: number | undefined, nowMs: number, ms: number): boolean {
  return sinceMs !== undefined && nowMs - sinceMs >= ms
}
