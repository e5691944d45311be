import { CID } from 'multiformats/cid'
import { create as createMultihash } from 'multiformats/hashes/digest'
import { ClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import type { AddEntry, AddedOutput, AddParams } from '../model/add.ts'
import type { Cid } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import { checkBounds, type PinOptions } from '../model/pin.ts'
import { checkPlacement } from '../model/placement.ts'
import { choosePeers } from './choose-peers.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig, Replication } from './config.ts'
import { type PinComponents, placePin } from './pin.ts'
import { checkExpiry, refuseAsFollower } from './pin-rules.ts'
import { resolveReplication } from './replication.ts'
import { type SpreadComponents, spreadBlocks } from './spread-blocks.ts'

/** What adding content needs. */
export type AddComponents = PinComponents & SpreadComponents & Pick<ClusterComponents, 'importContent'>

interface Placement {
  readonly replication: Replication
  /** Who is to keep the content. */
  readonly keepers: readonly PeerId[]
  /** Whose IPFS nodes get the blocks now. */
  readonly destinations: readonly PeerId[]
}

/**
 * Puts content on the IPFS nodes of the peers that are to keep it, and pins its root there. Peers are chosen before the
 * first block is sent. One that fails while blocks are sent does not keep the content if enough others do; else it stays
 * allocated and fetches the content by pinning. The last record, the root, comes when the pin is durable. What a stopped
 * or failed upload leaves on IPFS nodes is not pinned, for their garbage collection.
 */
export async function* addContent(
  components: AddComponents,
  config: ClusterConfig,
  entries: AsyncIterable<AddEntry>,
  params: AddParams,
  pin: PinOptions,
  { signal }: Options,
): AsyncGenerator<AddedOutput> {
  refuseAsFollower(config.isFollower)
  const options: PinOptions = { ...pin, mode: 'recursive', pinUpdate: undefined }
  checkBounds(options)
  checkPlacement(options.metadata)
  checkExpiry(options.expireAtMs, components.clock.now())
  const { replication, keepers, destinations } = placeContent(components, config, params, options)
  const ending = new AbortController()
  const whole = AbortSignal.any([signal, ending.signal])
  try {
    await using spread = spreadBlocks(components, destinations, { signal: whole })
    let held: AddedOutput | undefined
    const records = components.importContent(entries, params, block => spread.put(block), { signal: whole })
    for await (const record of records) {
      signal.throwIfAborted()
      if (held !== undefined) yield held
      held = record.cid === undefined ? record : { ...record, allocations: keepers }
    }
    if (held?.cid === undefined) throw new ClusterError('INVALID_ARGUMENT', 'the upload has no content')
    const failed = await spread.finish()
    if (!params.noPin) {
      const healthy = keepers.filter(peer => !failed.has(peer))
      const allocations = healthy.length >= Math.max(1, replication.min) ? healthy : keepers
      await placePin(components, config, held.cid, options, { signal, allocations })
    }
    yield held
  } finally {
    ending.abort(new DOMException('the upload has ended', 'AbortError'))
  }
}

function placeContent(
  components: AddComponents,
  config: ClusterConfig,
  params: AddParams,
  options: PinOptions,
): Placement {
  const { self, clock, monitor } = components
  const replication = resolveReplication(options, config.replication)
  const isLocal = params.local
  const isAsked = options.userAllocations.length > 0
  const chosen = choosePeers(components, config, {
    cid: placeholder(clock.now()),
    replication,
    existing: undefined,
    metadata: options.metadata,
    preferred: isLocal && !isAsked ? [self] : options.userAllocations,
  })
  if (replication.max < 0) {
    const keepers = monitor.peers()
    return { replication, keepers, destinations: isLocal ? [self] : keepers }
  }
  if (!isLocal) return { replication, keepers: chosen, destinations: chosen }
  const isMissing = !isAsked && !chosen.includes(self)
  return { replication, keepers: isMissing ? [...chosen.slice(0, -1), self] : chosen, destinations: [self] }
}

/** The root is not known before the blocks are sent; where the choice turns on the name, it should not always be the same. */
function placeholder(nowMs: number): Cid {
  return CID.createV1(0x55, createMultihash(0, new TextEncoder().encode(String(nowMs))))
}
