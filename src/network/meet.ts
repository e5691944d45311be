import { messageOf } from '../errors.ts'
import type { Logger, Network, Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import { repeat } from '../lib/repeat.ts'
import type { PeerId } from '../model/peer.ts'
import { type AddressBook, peerOf } from './address-book.ts'

/** Peers tell each other whom they know: own addresses in the request, those of others in the answer, a line each. */
const MEET_PROTOCOL = '/pinfold/meet/1'
const ROUND_MS = 500
const ASK_AGAIN_MS = 30_000
const ASK_TIMEOUT_MS = 15_000
const DIALS_AT_ONCE = 16
const LIST_BYTES_MAX = 256 * 1024
/** How often an operator is told that a peer stays alone. */
const WARN_EVERY_MS = 300_000
/** How long a peer may be alone before that is worth a word: peers of a cluster that starts find each other within seconds. */
const ALONE_FOR_MS = 10_000

/** What the search for peers needs. */
export interface MeetParts {
  readonly network: Pick<Network, 'self' | 'peers' | 'addresses' | 'request' | 'serve' | 'onPeer'>
  readonly book: AddressBook
  /** Connects to a peer at one of the addresses. */
  readonly dial: (peer: PeerId, addresses: readonly string[], options: Options) => Promise<void>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly onDialFailure: () => void
}

/**
 * Keeps the mesh together: dials the peers of the address book that are to be kept, and others while there are fewer
 * connections than wanted; asks every new peer whom it knows. A DHT alone brings peers that share only a bootstrap peer
 * together after minutes, if at all.
 */
export function openMeet(parts: MeetParts, config: { readonly connectionsWanted: number }): AsyncDisposable {
  const { network, book, clock, random, logger } = parts
  const closing = new AbortController()
  const asking = new Set<Promise<void>>()
  let lastAskedMs = clock.monotonic()
  const loneliness = new Loneliness(parts)

  const askLater = (peer: PeerId) => {
    const task = ask(parts, peer, closing.signal).finally(() => asking.delete(task))
    asking.add(task)
  }
  const dial = async (peer: PeerId, stop: AbortSignal) => {
    try {
      await parts.dial(peer, book.addressesOf(peer), { signal: stop })
      book.connected(peer)
    } catch (thrown) {
      if (stop.aborted) return
      book.failed(peer)
      parts.onDialFailure()
      loneliness.tell(peer, messageOf(thrown))
    }
  }
  const round = async (signal: AbortSignal) => {
    const connected = new Set(network.peers())
    const wantedCount = config.connectionsWanted - connected.size
    const due = book.due(peer => connected.has(peer), wantedCount, connected.size === 0)
    await Promise.all(due.slice(0, DIALS_AT_ONCE).map(peer => dial(peer, signal)))
    if (clock.monotonic() - lastAskedMs < ASK_AGAIN_MS) return
    lastAskedMs = clock.monotonic()
    const peer = network.peers()[Math.floor(random.next() * network.peers().length)]
    if (peer !== undefined) askLater(peer)
  }

  const served = network.serve(MEET_PROTOCOL, async function* (input, from) {
    for await (const message of input) book.learn(parseLines(message).filter(line => peerOf(line) === from))
    yield* linesOf(book.all(from))
  })
  const listening = network.onPeer(({ peer, isConnected }) => {
    loneliness.interrupt()
    if (!isConnected) return
    book.connected(peer)
    askLater(peer)
  })
  const loop = repeat(
    {
      clock,
      everyMs: ROUND_MS,
      isEager: true,
      onError: thrown => logger.error('looking for peers failed', { error: messageOf(thrown) }),
    },
    round,
  )
  return {
    async [Symbol.asyncDispose]() {
      closing.abort(new DOMException('the network is closed', 'AbortError'))
      listening[Symbol.dispose]()
      served[Symbol.dispose]()
      await loop[Symbol.asyncDispose]()
      await Promise.all(asking)
    },
  }
}

/** Asks a peer whom it knows, and tells it the own addresses. */
async function ask({ network, book, logger }: MeetParts, peer: PeerId, closing: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([closing, AbortSignal.timeout(ASK_TIMEOUT_MS)])
  try {
    const answers = network.request(peer, MEET_PROTOCOL, linesOf(network.addresses()), { signal })
    for await (const answer of answers) book.learn(parseLines(answer))
  } catch (thrown) {
    if (!closing.aborted) logger.debug('a peer did not say whom it knows', { peer, error: messageOf(thrown) })
  }
}

/** Says why nobody is connected, now and then: nothing else does. */
class Loneliness {
  readonly #parts: Pick<MeetParts, 'network' | 'book' | 'clock' | 'logger'>
  #silentUntilMs: number

  constructor(parts: Pick<MeetParts, 'network' | 'book' | 'clock' | 'logger'>) {
    this.#parts = parts
    this.#silentUntilMs = parts.clock.monotonic() + ALONE_FOR_MS
  }

  /** A peer could not be dialled. */
  tell(peer: PeerId, error: string): void {
    const { network, book, clock, logger } = this.#parts
    const nowMs = clock.monotonic()
    if (network.peers().length > 0 || !book.isKept(peer) || nowMs < this.#silentUntilMs) {
      logger.debug('a peer could not be dialled', { peer, error })
      return
    }
    this.#silentUntilMs = nowMs + WARN_EVERY_MS
    const addresses = book.addressesOf(peer)
    logger.warn('no other peer is connected, and one of cluster.peer_addresses cannot be reached', {
      peer,
      addresses,
      error,
    })
  }

  /** Somebody connected or left: being alone begins anew. */
  interrupt(): void {
    this.#silentUntilMs = this.#parts.clock.monotonic() + ALONE_FOR_MS
  }
}

/** The lines as one message, cut at the bound. */
async function* linesOf(lines: Iterable<string>): AsyncIterable<Uint8Array> {
  const chosen: string[] = []
  let bytes = 0
  for (const line of lines) {
    bytes += line.length + 1
    if (bytes > LIST_BYTES_MAX) break
    chosen.push(line)
  }
  yield new Uint8Array(Buffer.from(chosen.join('\n')))
}

function parseLines(message: Uint8Array): readonly string[] {
  return Buffer.from(message.subarray(0, LIST_BYTES_MAX))
    .toString()
    .split('\n')
    .filter(line => line.startsWith('/') && line.length <= 512)
}
