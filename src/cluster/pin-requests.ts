import type { Cluster, Options, PinRequests } from '../interfaces.ts'
import { KeyedLock } from '../lib/keyed-lock.ts'
import type { Random } from '../lib/random.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import { checkBounds, isEverywhere, NO_OPTIONS, type Pin } from '../model/pin.ts'
import {
  noSuchRequest,
  type PinRequest,
  publicFirst,
  REQUEST_CHANCE_BYTES,
  type Requester,
  type RequestFilter,
  type RequestProgress,
  requestCid,
  toProgress,
  type WantedRequest,
} from '../model/pin-request.ts'
import { type ChooserComponents, peerChooser } from './choose-peers.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig } from './config.ts'
import { checkContent, refuseAsFollower } from './pin-rules.ts'
import { contentFor, firstRequests, isHeld, ownerOf, toEntry, toRequest, wantedIn } from './request-entry.ts'
import { listRequests } from './request-listing.ts'
import { openUpkeep } from './request-upkeep.ts'

/** What requests are kept with. */
export interface RequestComponents
  extends Pick<ClusterComponents, 'allocate' | 'clock' | 'consensus' | 'logger' | 'monitor' | 'self'>,
    Pick<ChooserComponents, 'marks'> {
  readonly random: Random
  readonly cluster: Pick<Cluster, 'status' | 'statuses'>
}

/** Answers for requests, and sees to it that the content of every living one is pinned, whatever happens elsewhere. */
export async function openPinRequests(
  components: RequestComponents,
  config: ClusterConfig,
): Promise<PinRequests & AsyncDisposable> {
  return new StoredRequests(components, config)
}

class StoredRequests implements PinRequests {
  readonly #parts: RequestComponents
  readonly #config: ClusterConfig
  /** One content at a time: between looking at its requests and writing, nobody else here may write. */
  readonly #lock = new KeyedLock()
  readonly #upkeep: AsyncDisposable
  #lastMs = 0

  constructor(parts: RequestComponents, config: ClusterConfig) {
    this.#parts = parts
    this.#config = config
    this.#upkeep = openUpkeep(
      { ...parts, check: (content, mayRelease, options) => this.#check(content, mayRelease, options) },
      config,
    )
  }

  async add(wanted: WantedRequest, by: Requester & Options): Promise<PinRequest> {
    this.#checkWanted(wanted)
    const { consensus, random, clock } = this.#parts
    const { signal } = by
    const createdMs = this.#nextMs()
    const cid = requestCid(wanted.cid, createdMs, random.bytes(REQUEST_CHANCE_BYTES))
    const entry = toEntry(cid, wanted, by.owner, clock.now())
    const { existing, content } = await this.#lock.run(cidKey(wanted.cid), async () => {
      const existing = await consensus.get(wanted.cid)
      const content = this.#contentFor(wanted, existing)
      await consensus.put(content === undefined ? [entry] : [content, entry], { signal })
      return { existing, content }
    })
    const progress =
      existing === undefined ? this.#begun(content) : await this.#progressOf(wanted.cid, { signal })
    return toRequest(cid, { ...wanted, createdMs }, progress)
  }

  async replace(id: Cid, wanted: WantedRequest, by: Requester & Options): Promise<PinRequest> {
    this.#checkWanted(wanted)
    await this.#entryOf(id, by)
    const added = await this.add(wanted, by)
    await this.remove(id, by)
    return added
  }

  async remove(id: Cid, by: Requester & Options): Promise<void> {
    refuseAsFollower(this.#config.isFollower)
    const { consensus } = this.#parts
    const { signal } = by
    const wanted = wantedIn(await this.#entryOf(id, by))
    if (wanted === undefined) throw noSuchRequest()
    await this.#lock.run(cidKey(wanted.cid), async () => {
      const left = await firstRequests(consensus, wanted.cid, 2, { signal })
      const isLast = left.every(entry => entry.cid.equals(id))
      const content = isLast ? await consensus.get(wanted.cid) : undefined
      const gone = content !== undefined && isHeld(content) ? [id, content.cid] : [id]
      await consensus.remove(gone, { signal })
    })
  }

  async get(id: Cid, by: Requester & Options): Promise<PinRequest> {
    const wanted = wantedIn(await this.#entryOf(id, by))
    if (wanted === undefined) throw noSuchRequest()
    return toRequest(id, wanted, await this.#progressOf(wanted.cid, by))
  }

  list(filter: RequestFilter, options: Options) {
    return listRequests(this.#parts, filter, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upkeep[Symbol.asyncDispose]()
  }

  #checkWanted(wanted: WantedRequest): void {
    refuseAsFollower(this.#config.isFollower)
    checkContent(wanted.cid)
    checkBounds({ ...NO_OPTIONS, name: wanted.name, metadata: wanted.meta, origins: wanted.origins })
  }

  /** Times of requests made here differ, so that pages by time leave none out. */
  #nextMs(): number {
    this.#lastMs = Math.max(this.#parts.clock.now(), this.#lastMs + 1)
    return this.#lastMs
  }

  async #entryOf(id: Cid, { owner, isEveryOwner }: Requester): Promise<Pin> {
    const entry = await this.#parts.consensus.get(id)
    const isTheirs = entry?.type === 'request' && (isEveryOwner || ownerOf(entry) === owner)
    if (!isTheirs) throw noSuchRequest()
    return entry
  }

  #contentFor(wanted: WantedRequest, existing: Pin | undefined): Pin | undefined {
    const choose = peerChooser(this.#parts, this.#config)
    const { replication } = this.#config
    return contentFor(wanted, existing, { replication, nowMs: this.#parts.clock.now(), choose })
  }

  /** Of what was just written nobody can have begun yet. */
  #begun(content: Pin | undefined): RequestProgress {
    const { monitor } = this.#parts
    const keepers =
      content === undefined || isEverywhere(content) ? monitor.peers() : [...content.allocations]
    const addresses = keepers.flatMap(peer => monitor.hello(peer)?.ipfsAddresses ?? [])
    return { status: 'queued', delegates: publicFirst(addresses), copies: undefined, error: '' }
  }

  async #progressOf(content: Cid, { signal }: Options): Promise<RequestProgress> {
    return toProgress(await this.#parts.cluster.status(content, { local: false, signal }))
  }

  /**
   * Makes the content pin fit its requests: pins what a living request needs; lets go of what none needs, if that may be
   * and it was there for requests only.
   */
  async #check(
    content: Cid,
    mayRelease: boolean,
    options: Options,
  ): Promise<'pinned' | 'released' | 'nothing'> {
    const { consensus } = this.#parts
    return this.#lock.run(cidKey(content), async () => {
      const [first] = await firstRequests(consensus, content, 1, options)
      const existing = await consensus.get(content)
      const wanted = first === undefined ? undefined : wantedIn(first)
      if (wanted !== undefined && existing === undefined) {
        const pin = this.#contentFor(wanted, undefined)
        if (pin !== undefined) await consensus.put([pin], options)
        return 'pinned'
      }
      if (first !== undefined || existing === undefined || !mayRelease || !isHeld(existing)) return 'nothing'
      await consensus.remove([content], options)
      return 'released'
    })
  }
}
