import { messageOf } from '../errors.ts'
import type { Logger, Network } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { repeat } from '../lib/repeat.ts'
import type { PeerId } from '../model/peer.ts'

const EVERY_MS = 5000
/** Always the same few, so that one of them hears enough to tell. */
const TOLD_MAX = 3
const LIMIT_MS = 4000

/** What telling needs. */
export interface RunNoticesParts {
  readonly network: Pick<Network, 'peers' | 'request' | 'serve'>
  readonly protocol: string
  readonly clock: Clock
  readonly logger: Logger
  /** Whether heartbeats of the peer come. */
  readonly isHeard: (peer: PeerId) => boolean
  /** A heartbeat of this peer, as it would be published now; undefined when it says none. */
  readonly ownBeat: () => Uint8Array | undefined
  readonly onBeat: (bytes: Uint8Array, from: PeerId) => void
}

/**
 * Gossip goes on with one connection of a peer: of two daemons with the same identity the later one is connected to all, hears
 * none of them and is heard by none. So whoever hears nothing from peers that it is connected to sends some of them its
 * heartbeat directly. It only shows that this run is there, and counts for nothing else. Where gossip works nothing is sent.
 */
export function openRunNotices(parts: RunNoticesParts): AsyncDisposable {
  const { network, protocol, clock, logger, isHeard, ownBeat, onBeat } = parts
  const stack = new AsyncDisposableStack()
  stack.use(
    network.serve(protocol, async function* (input, from) {
      for await (const bytes of input) {
        onBeat(bytes, from)
        // One is all that is asked for; the answer is that there is none.
        return
      }
      yield* []
    }),
  )
  const onError = (thrown: unknown) =>
    logger.debug('a direct heartbeat failed', { reason: messageOf(thrown) })
  const tell = async (signal: AbortSignal): Promise<void> => {
    const unheard = network.peers().filter(peer => !isHeard(peer))
    const told = [...unheard].sort().slice(0, TOLD_MAX)
    await Promise.all(told.map(peer => send(peer, signal)))
  }
  const send = async (peer: PeerId, signal: AbortSignal): Promise<void> => {
    const bytes = ownBeat()
    if (bytes === undefined) return
    const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]) }
    try {
      for await (const _answer of network.request(peer, protocol, once(bytes), options)) return
    } catch (thrown) {
      signal.throwIfAborted()
      logger.debug('a direct heartbeat was not taken', { peer, reason: messageOf(thrown) })
    }
  }
  stack.use(repeat({ clock, everyMs: EVERY_MS, onError }, tell))
  return stack
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
