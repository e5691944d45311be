import { ClusterError } from '../../errors.ts'
import type { ByteStore, IpfsPinOptions } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { formatDuration } from '../../lib/duration.ts'
import type { Random } from '../../lib/random.ts'
import type { Cid } from '../../model/cid.ts'
import type { PinMode } from '../../model/pin.ts'
import { inlineBlock } from '../hashing.ts'
import { openStallTimer } from '../stall-timer.ts'
import type { BlockFiles } from './block-files.ts'
import { blockKey } from './block-key.ts'
import type { BlockSource } from './block-source.ts'
import { isLeaf, linksOf } from './dag-links.ts'
import { walkDag } from './dag-walk.ts'
import { PinClaim } from './pin-claim.ts'
import type { PinRecords } from './pin-records.ts'
import { PIN_ID_BYTES } from './store-keys.ts'

/** What pinning needs. */
export interface PinnerComponents {
  readonly clock: Clock
  readonly random: Random
  readonly store: ByteStore
  readonly files: BlockFiles
  readonly source: BlockSource
  readonly records: PinRecords
}

/** Bounds of one pin. */
export interface PinnerConfig {
  readonly pinTimeoutMs: number
  readonly fetchesMax: number
}

/** Makes pins: walks the DAG, fetches what is missing, brings it to the disk, records the pin last. */
export class Pinner {
  readonly #components: PinnerComponents
  readonly #config: PinnerConfig
  readonly #underWay = new Set<string>()

  constructor(components: PinnerComponents, config: PinnerConfig) {
    this.#components = components
    this.#config = config
  }

  /** Whether a pin of that id (in hexadecimal) is being made. */
  isUnderWay(id: string): boolean {
    return this.#underWay.has(id)
  }

  /** Pins; durable when it resolves. Answers whether the CID was not pinned before. */
  async pin(cid: Cid, mode: PinMode, options: IpfsPinOptions): Promise<boolean> {
    const { random, store, files, clock, records } = this.#components
    const limitMs = this.#config.pinTimeoutMs
    const claim = new PinClaim(store, files, random.bytes(PIN_ID_BYTES))
    this.#underWay.add(claim.idText)
    const stalling = new AbortController()
    let blocks = 0
    using timer = openStallTimer(clock, limitMs, () => stalling.abort(stalled(cid, limitMs, blocks)))
    const onBlock = () => {
      blocks++
      timer.touch()
      options.onProgress?.({ blocks })
    }
    try {
      await claim.claim(blockKey(cid))
      const parallel = this.#config.fetchesMax
      const signal = AbortSignal.any([options.signal, stalling.signal])
      await walkDag(cid, { parallel, signal }, async (at, walking) => {
        const links = await this.#visit(claim, at, mode, walking)
        onBlock()
        return links
      })
      const id = await claim.complete()
      return await records.put({ cid, mode, id })
    } finally {
      await claim[Symbol.asyncDispose]()
      this.#underWay.delete(claim.idText)
    }
  }

  /** Has the block here, and answers with those of its links that this pin has not claimed yet. */
  async #visit(claim: PinClaim, cid: Cid, mode: PinMode, signal: AbortSignal): Promise<readonly Cid[]> {
    const { source, files } = this.#components
    signal.throwIfAborted()
    const key = blockKey(cid)
    const isOpaque = mode === 'direct' || isLeaf(cid)
    const inline = inlineBlock(cid)
    // A block that this run wrote is there and is what its name says: a leaf of that kind need not be read.
    const bytes = isOpaque && files.isFresh(key) ? undefined : await source.get(cid, signal)
    if (inline === undefined) await claim.stored(key)
    if (isOpaque || bytes === undefined) return []
    const links: Cid[] = []
    for (const link of linksOf(cid, bytes)) {
      if (await claim.claim(blockKey(link))) links.push(link)
    }
    return links
  }
}

function stalled(cid: Cid, limitMs: number, blocks: number): ClusterError {
  return new ClusterError(
    'TIMEOUT',
    `pin of ${cid.toString()} found no further block for ${formatDuration(limitMs)} (${blocks} so far): no connected IPFS node seems to have it`,
    { details: { cid: cid.toString(), blocks } },
  )
}
