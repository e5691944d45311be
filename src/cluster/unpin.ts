import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { ClusterError } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import { withSpan } from '../lib/span.ts'
import type { Cid } from '../model/cid.ts'
import type { Pin } from '../model/pin.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig } from './config.ts'
import { resolvePath } from './pin.ts'
import { checkContent, notPinned, refuseAsFollower } from './pin-rules.ts'

/** What unpinning needs. */
export type UnpinComponents = Pick<ClusterComponents, 'consensus' | 'ipfs' | 'tracer'>

/** What finding the entries that go together needs. */
export interface EntriesComponents {
  readonly consensus: Pick<ClusterComponents['consensus'], 'get'>
  readonly ipfs: Pick<ClusterComponents['ipfs'], 'getBlock'>
}

const BLOCK_LIMIT_MS = 60_000

/**
 * Takes a CID out of the pinset; a sharded one with its shards and its cluster DAG. Answers with the entry as it was.
 */
export function unpinCid(
  components: UnpinComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  cid: Cid,
  { signal }: Options,
): Promise<Pin> {
  return withSpan(components.tracer, 'cluster/Unpin', async () => {
    refuseAsFollower(config.isFollower)
    const pin = await components.consensus.get(cid)
    if (pin === undefined) throw notPinned()
    await components.consensus.remove(await entriesOf(components, pin, { signal }), { signal })
    return pin
  })
}

/** The same for a path. */
export async function unpinPath(
  components: UnpinComponents,
  config: Pick<ClusterConfig, 'isFollower'>,
  path: string,
  { signal }: Options,
): Promise<Pin> {
  refuseAsFollower(config.isFollower)
  return unpinCid(components, config, await resolvePath(components, path, { signal }), { signal })
}

/** All entries that go with this one. Throws when the cluster DAG cannot be read: then nothing is to be removed. */
export async function entriesOf(
  components: EntriesComponents,
  pin: Pin,
  options: Options,
): Promise<readonly Cid[]> {
  checkContent(pin.cid)
  if (pin.type === 'shard-pin') {
    throw new ClusterError('REFUSED', 'cannot unpin a shard directly. Unpin content root CID instead')
  }
  if (pin.type === 'clusterdag-pin') {
    throw new ClusterError('REFUSED', 'cannot unpin a Cluster DAG directly. Unpin content root CID instead')
  }
  if (pin.type === 'pin' || pin.reference === undefined) return [pin.cid]
  return [...(await shardsUnder(components, pin.reference, options)), pin.reference, pin.cid]
}

/** The shards that a cluster DAG links to, directly or through one level of nodes in between (daemon.md 6.5). */
async function shardsUnder(
  components: EntriesComponents,
  clusterDag: Cid,
  options: Options,
): Promise<readonly Cid[]> {
  const shards: Cid[] = []
  for (const link of await linksOf(components, clusterDag, options)) {
    if ((await components.consensus.get(link))?.type === 'shard-pin') shards.push(link)
    else if (link.code === dagCbor.code) {
      for (const leaf of await linksOf(components, link, options)) {
        if ((await components.consensus.get(leaf))?.type === 'shard-pin') shards.push(leaf)
      }
    }
  }
  return shards
}

async function linksOf(
  { ipfs }: Pick<EntriesComponents, 'ipfs'>,
  cid: Cid,
  { signal }: Options,
): Promise<readonly Cid[]> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(BLOCK_LIMIT_MS)])
  const node: unknown = dagCbor.decode(await ipfs.getBlock(cid, { signal: limited }))
  if (typeof node !== 'object' || node === null) return []
  return Object.values(node).flatMap(value => CID.asCID(value) ?? [])
}
