import { ClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import { withSpan } from '../lib/span.ts'
import { type Cid, parseCid } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import { checkBounds, isEverywhere, isSameRequest, type Pin, type PinOptions, toPin } from '../model/pin.ts'
import { checkPlacement } from '../model/placement.ts'
import { type ChooserComponents, peerChooser } from './choose-peers.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig, Replication } from './config.ts'
import { checkContent, checkExpiry, checkRepin, notPinned, refuseAsFollower } from './pin-rules.ts'
import { resolveReplication } from './replication.ts'

/** What pinning needs. */
export type PinComponents = Pick<
  ClusterComponents,
  'allocate' | 'clock' | 'consensus' | 'ipfs' | 'monitor' | 'tracer'
> &
  Pick<ChooserComponents, 'marks'>

/**
 * Adds a CID to the pinset, or changes what it says of it. With `pinUpdate` naming another CID, the entry is a copy of
 * that one's. What is there already with the same options is answered as it stands, and nothing is written.
 */
export function pinCid(
  components: PinComponents,
  config: ClusterConfig,
  cid: Cid,
  options: PinOptions & Options,
): Promise<Pin> {
  return withSpan(components.tracer, 'cluster/Pin', async () => {
    refuseAsFollower(config.isFollower)
    checkBounds(options)
    const { pinUpdate } = options
    if (pinUpdate !== undefined && !pinUpdate.equals(cid)) {
      return updatePin(components, pinUpdate, cid, options)
    }
    return placePin(components, config, cid, options, { signal: options.signal, allocations: undefined })
  })
}

/** The same for a path; a bare `/ipfs/<cid>` is not sent to IPFS for resolving. */
export async function pinPath(
  components: PinComponents,
  config: ClusterConfig,
  path: string,
  options: PinOptions & Options,
): Promise<Pin> {
  refuseAsFollower(config.isFollower)
  return pinCid(components, config, await resolvePath(components, path, options), options)
}

/** The CID that a path names. */
export async function resolvePath(
  { ipfs }: Pick<ClusterComponents, 'ipfs'>,
  path: string,
  { signal }: Options,
): Promise<Cid> {
  const bare = /^\/ip(?:fs|ld)\/([^/]+)\/?$/.exec(path)
  return bare?.[1] === undefined ? ipfs.resolve(path, { signal }) : parseCid(bare[1])
}

/**
 * Writes the entry of a CID with peers chosen now, or with the given ones. What `pinUpdate` says is stored and otherwise
 * passed over, so that an entry which came from an update can be placed anew like any other.
 */
export async function placePin(
  components: PinComponents,
  config: ClusterConfig,
  cid: Cid,
  options: PinOptions,
  { signal, allocations }: Options & { readonly allocations: readonly PeerId[] | undefined },
): Promise<Pin> {
  const { clock, consensus } = components
  const existing = await consensus.get(cid)
  const choose = allocations === undefined ? peerChooser(components, config) : () => allocations
  const { replication } = config
  const placed = toPlaced(cid, options, existing, { replication, nowMs: clock.now(), choose })
  return commit(components, existing, placed, options.userAllocations, { signal })
}

/** What placing goes by. */
export interface Placing {
  /** The cluster's own, for what the options leave open. */
  readonly replication: Replication
  readonly nowMs: number
  readonly choose: ReturnType<typeof peerChooser>
}

/**
 * The entry that pinning leads to. Throws `REFUSED` when it may not become that, or the error of choosing peers.
 */
export function toPlaced(
  cid: Cid,
  options: PinOptions,
  existing: Pin | undefined,
  { replication: byDefault, nowMs, choose }: Placing,
): Pin {
  checkContent(cid)
  checkPlacement(options.metadata)
  const replication = resolveReplication(options, byDefault)
  checkExpiry(options.expireAtMs, nowMs)
  const wanted = toPin(cid, {
    ...optionsOf(options),
    userAllocations: [],
    replicationMin: replication.min,
    replicationMax: replication.max,
    timestampMs: nowMs,
  })
  if (existing !== undefined) checkRepin(existing, wanted)
  const { metadata, userAllocations: preferred } = options
  const chosen = choose({ cid, replication, existing, preferred, metadata })
  return { ...wanted, allocations: isEverywhere(wanted) ? [] : chosen }
}

/** The options alone: a caller may hand over more, such as a signal or a whole entry. */
function optionsOf(options: PinOptions): PinOptions {
  return {
    name: options.name,
    mode: options.mode,
    replicationMin: options.replicationMin,
    replicationMax: options.replicationMax,
    shardSizeBytes: options.shardSizeBytes,
    userAllocations: options.userAllocations,
    expireAtMs: options.expireAtMs,
    metadata: options.metadata,
    pinUpdate: options.pinUpdate,
    origins: options.origins,
  }
}

/** Copies the entry of one CID to another; its name and expiry may be new, its peers stay (daemon.md 2.5). */
async function updatePin(
  components: PinComponents,
  from: Cid,
  to: Cid,
  options: PinOptions & Options,
): Promise<Pin> {
  const { clock, consensus } = components
  const source = await consensus.get(from)
  const existing = await consensus.get(to)
  const wanted = toUpdated(source, to, options, { existing, nowMs: clock.now() })
  return commit(components, existing, wanted, [], options)
}

/** The entry that an update leads to. Throws `NOT_FOUND` without a source, `REFUSED` when it may not become that. */
export function toUpdated(
  source: Pin | undefined,
  to: Cid,
  options: Pick<PinOptions, 'name' | 'expireAtMs'>,
  { existing, nowMs }: { readonly existing: Pin | undefined; readonly nowMs: number },
): Pin {
  checkContent(to)
  if (source === undefined) throw notPinned()
  if (source.type !== 'pin') throw new ClusterError('REFUSED', 'this pin type cannot be updated')
  const isLater = options.expireAtMs !== undefined && options.expireAtMs > nowMs
  const wanted: Pin = {
    ...source,
    cid: to,
    pinUpdate: source.cid,
    timestampMs: nowMs,
    name: options.name === '' ? source.name : options.name,
    expireAtMs: isLater ? options.expireAtMs : source.expireAtMs,
  }
  if (existing !== undefined) checkRepin(existing, wanted)
  return wanted
}

/**
 * Writes; where the same stands already the pinset only notes that it is wanted. The answer carries the peers that the user
 * asked for, which are not stored.
 */
async function commit(
  { consensus, tracer }: PinComponents,
  existing: Pin | undefined,
  wanted: Pin,
  userAllocations: readonly PeerId[],
  { signal }: Options,
): Promise<Pin> {
  await withSpan(tracer, 'consensus/Put', () => consensus.put([wanted], { signal }))
  const isSame = existing !== undefined && isSameRequest(existing, wanted)
  return isSame ? existing : { ...wanted, userAllocations }
}
