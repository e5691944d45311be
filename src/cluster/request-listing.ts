import { ClusterError } from '../errors.ts'
import type { Cluster, Consensus, Options } from '../interfaces.ts'
import { inParallel } from '../lib/parallel.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'
import {
  createdMsIn,
  EVERY_REQUEST,
  nameTest,
  neededCopies,
  OWNER_KEY,
  parseRequestName,
  type RequestFilter,
  type RequestList,
  type RequestProgress,
  type RequestStatus,
  requestsOf,
  toProgress,
} from '../model/pin-request.ts'
import type { GlobalPinInfo, PinStatus } from '../model/pin-status.ts'
import { REQUESTS, toRequest, wantedIn } from './request-entry.ts'

/** What listing asks. */
export interface ListingComponents {
  readonly consensus: Pick<Consensus, 'pins'>
  readonly cluster: Pick<Cluster, 'status' | 'statuses'>
}

/** Contents whose state is asked for at a time. */
const STATES_AT_A_TIME = 16
/** Up to so many requests that fit are asked for one by one when a status is wanted; that is exact. */
const ASKED_MAX = 100
/** Contents under way whose states are held while more requests than that are counted. */
const UNDER_WAY_MAX = 100_000
const UNDER_WAY: ReadonlySet<PinStatus> = new Set<PinStatus>(['pin_queued', 'pinning', 'pin_error'])

/**
 * The requests that fit, newest first, at most `limit` of them, and how many there are. Every request is looked at, none is
 * kept beyond the page. With a status wanted and many requests, only what is under way in the cluster is asked for: content
 * of which no peer says so is pinned.
 */
export async function listRequests(
  components: ListingComponents,
  filter: RequestFilter,
  options: Options,
): Promise<RequestList> {
  const { statuses } = filter
  if (statuses === undefined || statuses.size === 4) {
    const page = await gather(components, filter, filter.limit, undefined, options)
    return { count: page.count, requests: await describe(components, page.newest, options) }
  }
  const few = await gather(components, filter, ASKED_MAX, undefined, options)
  if (few.count <= ASKED_MAX) {
    const all = await describe(components, few.newest, options)
    const fitting = all.filter(({ status }) => statuses.has(status))
    return { count: fitting.length, requests: fitting.slice(0, filter.limit) }
  }
  const underWay = await readUnderWay(components, options)
  const isFitting = (content: Cid) => statuses.has(underWay.get(cidKey(content)) ?? 'pinned')
  const page = await gather(components, filter, filter.limit, isFitting, options)
  const shown = await describe(components, page.newest, options)
  const fitting = shown.filter(({ status }) => statuses.has(status))
  return { count: page.count - (shown.length - fitting.length), requests: fitting }
}

interface Gathered {
  readonly count: number
  readonly newest: readonly Found[]
}

interface Found {
  readonly entry: Pin
  readonly createdMs: number
}

async function gather(
  { consensus }: ListingComponents,
  filter: RequestFilter,
  limit: number,
  isFitting: ((content: Cid) => boolean) | undefined,
  { signal }: Options,
): Promise<Gathered> {
  const isContentFitting = (entry: Cid) => {
    const name = parseRequestName(entry)
    return name !== undefined && isFitting?.(name.content) === true
  }
  const isNamed = filter.name === undefined ? () => true : nameTest(filter.name)
  const { beforeMs = Number.POSITIVE_INFINITY, afterMs = Number.NEGATIVE_INFINITY, owner } = filter
  const metadata = owner === undefined ? filter.meta : { ...filter.meta, [OWNER_KEY]: owner }
  const ranges = filter.cids === undefined ? [EVERY_REQUEST] : distinct(filter.cids).map(requestsOf)
  let count = 0
  let newest: Found[] = []
  const newestFirst = (a: Found, b: Found) => b.createdMs - a.createdMs
  for (const range of ranges) {
    for await (const entry of consensus.pins({ ...range, types: REQUESTS, metadata }, { signal })) {
      const createdMs = createdMsIn(entry.cid)
      if (createdMs >= beforeMs || createdMs <= afterMs || !isNamed(entry.name)) continue
      if (isFitting !== undefined && !isContentFitting(entry.cid)) continue
      count++
      newest.push({ entry, createdMs })
      if (newest.length > 2 * limit) newest = newest.sort(newestFirst).slice(0, limit)
    }
  }
  return { count, newest: newest.sort(newestFirst).slice(0, limit) }
}

function distinct(cids: readonly Cid[]): readonly Cid[] {
  return [...new Map(cids.map(cid => [cidKey(cid), cid])).values()]
}

/** The requests with the states of their content. */
async function describe({ cluster }: ListingComponents, found: readonly Found[], { signal }: Options) {
  const contents = distinct(found.flatMap(({ entry }) => parseRequestName(entry.cid)?.content ?? []))
  const known = new Map<string, RequestProgress>()
  const ask = async (content: Cid) => {
    const info = await cluster.status(content, { local: false, signal })
    known.set(cidKey(content), toProgress(info))
  }
  for await (const outcome of inParallel(contents, STATES_AT_A_TIME, ask)) {
    if ('thrown' in outcome) throw outcome.thrown
  }
  return found.flatMap(({ entry }) => {
    const wanted = wantedIn(entry)
    const progress = wanted === undefined ? undefined : known.get(cidKey(wanted.cid))
    return wanted === undefined || progress === undefined ? [] : [toRequest(entry.cid, wanted, progress)]
  })
}

/** The contents that are not pinned yet, as the peers that are at work on them say. */
async function readUnderWay(
  { cluster }: ListingComponents,
  { signal }: Options,
): Promise<ReadonlyMap<string, RequestStatus>> {
  const underWay = new Map<string, RequestStatus>()
  for await (const info of cluster.statuses(UNDER_WAY, { local: false, signal })) {
    const status = statusUnderWay(info)
    if (status === 'pinned') continue
    if (underWay.size >= UNDER_WAY_MAX)
      throw new ClusterError(
        'NOT_READY',
        `more than ${UNDER_WAY_MAX} pins are under way: list without a status, or ask again later`,
      )
    underWay.set(cidKey(info.cid), status)
  }
  return underWay
}

/** Peers that are to have the content and are not under way have it. */
function statusUnderWay({ pin, peers }: GlobalPinInfo): RequestStatus {
  const states = [...peers.values()].map(({ status }) => status)
  const busy = states.filter(status => UNDER_WAY.has(status)).length
  const keepers = pin === undefined || pin.allocations.length === 0 ? undefined : pin.allocations.length
  if (keepers !== undefined && keepers - busy >= neededCopies(pin, keepers)) return 'pinned'
  if (states.includes('pinning')) return 'pinning'
  return states.includes('pin_queued') ? 'queued' : 'failed'
}
