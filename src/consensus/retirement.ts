import type { ByteStore, Logger } from '../interfaces.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import type { Clock } from '../lib/clock.ts'
import { repeat } from '../lib/repeat.ts'
import type { PeerId } from '../model/peer.ts'
import { metaKey } from './keys.ts'
import type { Replica } from './replica.ts'

/** What retiring needs. */
export interface RetirementComponents {
  readonly store: Pick<ByteStore, 'get' | 'batch'>
  readonly replica: Replica
  readonly isTrusted: (peer: PeerId) => boolean
  readonly rootDigest: () => string
  readonly clock: Clock
  readonly logger: Logger
}

const MEMBERS_KEY = metaKey('members')
const MEMBERS_MAX = 10_000
const EVERY_MS = 60_000
const REMEMBER_AFTER_MS = 100
const ROOT_LENGTH_MAX = 64
const NOTE_EVERY_MS = 3_600_000

/**
 * Retires the runs of this peer that have ended, so that nobody has to count them for ever. It does so when every
 * trusted peer that it knows says to have the same pinset as this one: nobody then has anything of those runs that is
 * not here. The others follow when they compare. A peer that is away keeps runs from being retired, until it is not
 * trusted any more or was not heard of for `forgetAfterMs`.
 */
export class Retirement implements AsyncDisposable {
  readonly #components: RetirementComponents
  readonly #forgetAfterMs: number
  /** Trusted peers, and when they were last heard of, Unix milliseconds. */
  readonly #members: Map<PeerId, number>
  readonly #roots = new Map<PeerId, string>()
  readonly #loop: AsyncDisposable
  #soon: Disposable | undefined

  private constructor(components: RetirementComponents, members: Map<PeerId, number>, forgetAfterMs: number) {
    this.#components = components
    this.#members = members
    this.#forgetAfterMs = forgetAfterMs
    const { clock, logger } = components
    const onError = (error: unknown) => logger.warn('ended writers were not retired', { error })
    this.#loop = repeat({ clock, everyMs: EVERY_MS, onError }, () => this.consider())
  }

  /** With the members that were known before. */
  static async open(components: RetirementComponents, forgetAfterMs: number): Promise<Retirement> {
    const stored = await components.store.get(MEMBERS_KEY)
    const members = stored === undefined ? new Map<PeerId, number>() : decodeMembers(stored)
    return new Retirement(components, members, forgetAfterMs)
  }

  /** Another peer says what its root digest is. */
  notice(peer: PeerId, rootDigest: string): void {
    const { isTrusted, clock } = this.#components
    if (!isTrusted(peer) || rootDigest.length > ROOT_LENGTH_MAX) return
    if (!this.#roots.has(peer) && this.#roots.size >= MEMBERS_MAX) return
    this.#roots.set(peer, rootDigest)
    if (!this.#members.has(peer)) this.#soon ??= clock.schedule(REMEMBER_AFTER_MS, () => this.#rememberSoon())
  }

  /** Retires what may be. Members that are new are remembered first. */
  async consider(): Promise<void> {
    await this.#remember()
    const { replica, rootDigest } = this.#components
    const { ended } = replica.committed
    // Alone, a peer does not know whether its disk is older than what others have of its runs.
    if (ended.size === 0 || this.#roots.size === 0 || replica.failure !== undefined) return
    const own = rootDigest()
    if (![...this.#members.keys()].every(peer => this.#roots.get(peer) === own)) return
    await replica.retire(ended)
    this.#components.logger.info('what was written before the last start is not counted any more', {
      writers: ended.size,
    })
  }

  #rememberSoon(): void {
    this.#soon = undefined
    this.#remember().catch((error: unknown) =>
      this.#components.logger.warn('a peer was not noted as a member', { error }),
    )
  }

  async #remember(): Promise<void> {
    const { store, clock, isTrusted } = this.#components
    const nowMs = clock.now()
    let isNews = false
    for (const peer of this.#roots.keys()) {
      const seenAtMs = this.#members.get(peer)
      if (!isTrusted(peer) || (seenAtMs !== undefined && nowMs - seenAtMs < NOTE_EVERY_MS)) continue
      this.#members.set(peer, nowMs)
      isNews = true
    }
    for (const [peer, seenAtMs] of this.#members) {
      if (isTrusted(peer) && nowMs - seenAtMs <= this.#forgetAfterMs) continue
      this.#members.delete(peer)
      this.#roots.delete(peer)
      isNews = true
    }
    for (const peer of this.#members.keys()) if (this.#members.size > MEMBERS_MAX) this.#members.delete(peer)
    if (isNews) {
      await store.batch([{ key: MEMBERS_KEY, value: encodeMembers(this.#members) }], { isSynced: true })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#soon?.[Symbol.dispose]()
    await this.#loop[Symbol.asyncDispose]()
  }
}

function encodeMembers(members: ReadonlyMap<PeerId, number>): Uint8Array {
  const out = new ByteWriter().uint(members.size)
  for (const [peer, seenAtMs] of members) out.text(peer).uint(Math.max(0, Math.floor(seenAtMs)))
  return out.finish()
}

function decodeMembers(bytes: Uint8Array): Map<PeerId, number> {
  const input = new ByteReader(bytes)
  const members = new Map<PeerId, number>()
  const count = input.uint(MEMBERS_MAX)
  for (let index = 0; index < count; index++) {
    const peer = input.text(128)
    members.set(peer, input.uint())
  }
  input.end()
  return members
}
