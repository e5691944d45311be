import { messageOf } from '../../errors.ts'
import type { Consensus, Logger, Monitor, Options } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { type Cid, cidKey } from '../../model/cid.ts'
import { NO_ROOM_MAX, NO_ROOM_METRIC, roomlessPeers } from '../../model/no-room.ts'
import type { PeerId } from '../../model/peer.ts'
import { isEverywhere } from '../../model/pin.ts'

const ASK_LIMIT_MS = 10_000
/** Peers that are asked in one look, those first that were asked longest ago. */
const PEERS_A_LOOK = 16
/** Claims that are kept: of one peer, so that none crowds out the others, and of all. */
const KEPT_MAX = { ofPeer: 5000, ofAll: 20_000 }
/** A peer that says for so long that it has room, or says nothing, is taken at its word. */
const QUIET_MS = 60_000
/** The first try to place it elsewhere that failed is followed by the next after so long, and ever later. */
const TRY_AGAIN_MS = { first: 15_000, max: 60_000 }

/** Asks a peer which pins find no room on its IPFS node, behind a CID. */
export type AskNoRoom = (peer: PeerId, after: Cid | undefined, options: Options) => Promise<readonly Cid[]>

/** A peer says that a pin which is allocated to it finds no room there. */
export interface Claim {
  readonly peer: PeerId
  readonly cid: Cid
  /** When it was said first, by the monotonic clock. */
  readonly sinceMs: number
  /** Why no other peer can take it; undefined while that is not known. */
  readonly stuck: string | undefined
}

type Kept = { -readonly [Key in keyof Claim]: Claim[Key] } & {
  seenMs: number
  dueAtMs: number
  tryAgainMs: number
}

interface Page {
  askedMs: number
  toldMs: number
  after: Cid | undefined
  roundBeganMs: number
  readonly claims: Map<string, Kept>
}

/** What listening to claims needs. */
export interface ClaimsParts {
  readonly askNoRoom: AskNoRoom
  readonly clock: Clock
  readonly consensus: Pick<Consensus, 'getMany'>
  readonly logger: Logger
  readonly monitor: Pick<Monitor, 'latest' | 'peers'>
  /** Whether this peer may ever have to do something about a CID. */
  readonly isOfConcern: (cid: Cid) => boolean
  /** Whether a peer may keep anything: all others are not asked. */
  readonly isMember: (peer: PeerId) => boolean
  /** Told again and again of each of them, whoever is to do something about it. */
  readonly onSaid: (cid: Cid, peer: PeerId) => void
}

/**
 * What peers say to find no room for. Their heartbeats tell whether there is any, so that a message that is lost does no harm;
 * those that say so are asked for the CIDs, a page at a time. What they name counts only where it is allocated to them.
 */
export class Claims {
  readonly #parts: ClaimsParts
  readonly #pages = new Map<PeerId, Page>()

  constructor(parts: ClaimsParts) {
    this.#parts = parts
  }

  /** All that are known. */
  *all(): Generator<Claim> {
    for (const { claims } of this.#pages.values()) yield* claims.values()
  }

  /** Asks those whose turn it is, and answers with what they say now and what is to be tried. */
  async look(options: Options): Promise<readonly Claim[]> {
    const nowMs = this.#parts.clock.monotonic()
    const telling = this.#telling().map(peer => [peer, this.#pageOf(peer, nowMs)] as const)
    for (const [peer, { toldMs }] of this.#pages) if (nowMs - toldMs > QUIET_MS) this.#pages.delete(peer)
    const due = telling.sort(([, a], [, b]) => a.askedMs - b.askedMs).slice(0, PEERS_A_LOOK)
    const answers = await Promise.all(due.map(([peer, page]) => this.#ask(peer, page, options)))
    options.signal.throwIfAborted()
    return answers.flat()
  }

  /** Nobody else can take it. */
  failed({ peer, cid }: Claim, reason: string): void {
    const kept = this.#pages.get(peer)?.claims.get(cidKey(cid))
    if (kept === undefined) return
    kept.stuck = reason
    kept.dueAtMs = this.#parts.clock.monotonic() + kept.tryAgainMs
    kept.tryAgainMs = Math.min(TRY_AGAIN_MS.max, 2 * kept.tryAgainMs)
  }

  /** Others may be able to take what is stuck: all of it is tried again with the next look. */
  retry(): void {
    const nowMs = this.#parts.clock.monotonic()
    for (const { claims } of this.#pages.values()) {
      for (const claim of claims.values()) {
        claim.dueAtMs = nowMs
        claim.tryAgainMs = TRY_AGAIN_MS.first
      }
    }
  }

  /** Something was done about it. */
  settled({ peer, cid }: Claim): void {
    this.#pages.get(peer)?.claims.delete(cidKey(cid))
  }

  #telling(): readonly PeerId[] {
    const { isMember, monitor } = this.#parts
    const live = new Set(monitor.peers())
    const roomless = roomlessPeers(monitor.latest(NO_ROOM_METRIC))
    return [...roomless.keys()].filter(peer => live.has(peer) && isMember(peer))
  }

  #pageOf(peer: PeerId, nowMs: number): Page {
    const known = this.#pages.get(peer)
    if (known !== undefined) {
      known.toldMs = nowMs
      return known
    }
    const page: Page = {
      toldMs: nowMs,
      askedMs: Number.NEGATIVE_INFINITY,
      after: undefined,
      roundBeganMs: nowMs,
      claims: new Map(),
    }
    this.#pages.set(peer, page)
    return page
  }

  async #ask(peer: PeerId, page: Page, { signal }: Options): Promise<readonly Claim[]> {
    const { askNoRoom, clock, logger } = this.#parts
    const nowMs = clock.monotonic()
    page.askedMs = nowMs
    if (page.after === undefined) page.roundBeganMs = nowMs
    try {
      const limit = AbortSignal.timeout(ASK_LIMIT_MS)
      const cids = await askNoRoom(peer, page.after, { signal: AbortSignal.any([signal, limit]) })
      page.after = cids.length < NO_ROOM_MAX ? undefined : cids.at(-1)
      const said = await this.#keep(peer, page, cids.slice(0, NO_ROOM_MAX), nowMs)
      if (page.after === undefined) forgetSeenBefore(page, page.roundBeganMs)
      return said
    } catch (thrown) {
      signal.throwIfAborted()
      logger.debug('a peer does not say what finds no room there', { peer, reason: messageOf(thrown) })
      return []
    }
  }

  /** Keeps what is of concern, and answers with what is to be tried. */
  async #keep(peer: PeerId, page: Page, cids: readonly Cid[], nowMs: number): Promise<readonly Claim[]> {
    const { consensus, isOfConcern, onSaid } = this.#parts
    const concerning = cids.filter(isOfConcern)
    const entries = await consensus.getMany(concerning)
    const due: Claim[] = []
    let left = KEPT_MAX.ofAll - this.#pages.values().reduce((count, { claims }) => count + claims.size, 0)
    concerning.forEach((cid, at) => {
      const pin = entries[at]
      const name = cidKey(cid)
      if (pin === undefined || isEverywhere(pin) || !pin.allocations.includes(peer)) return
      onSaid(cid, peer)
      const known = page.claims.get(name)
      if (known === undefined && (page.claims.size >= KEPT_MAX.ofPeer || left <= 0)) return
      if (known === undefined) left -= 1
      const kept = known ?? newClaim(peer, cid, nowMs)
      kept.seenMs = nowMs
      page.claims.set(name, kept)
      if (kept.dueAtMs <= nowMs) due.push(kept)
    })
    return due
  }
}

function newClaim(peer: PeerId, cid: Cid, nowMs: number): Kept {
  return {
    peer,
    cid,
    sinceMs: nowMs,
    stuck: undefined,
    seenMs: nowMs,
    dueAtMs: nowMs,
    tryAgainMs: TRY_AGAIN_MS.first,
  }
}

function forgetSeenBefore({ claims }: Page, ms: number): void {
  for (const [name, { seenMs }] of claims) if (seenMs < ms) claims.delete(name)
}
