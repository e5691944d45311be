import type { Options } from '../interfaces.ts'
import type { AllocationExplanation, ExplainAllocation } from '../model/allocation-request.ts'
import type { Cid } from '../model/cid.ts'
import { checkBounds, isEverywhere, type PinOptions } from '../model/pin.ts'
import { checkPlacement } from '../model/placement.ts'
import { allocationRequests, type ChooserComponents } from './choose-peers.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig } from './config.ts'
import { checkContent } from './pin-rules.ts'
import { resolveReplication } from './replication.ts'

/** What explaining needs. */
export type ExplainComponents = Omit<ChooserComponents, 'allocate'> &
  Pick<ClusterComponents, 'consensus'> & { readonly explainAllocation: ExplainAllocation }

/**
 * Where pinning would put a CID now, and what speaks for and against each peer. Nothing is written. What the options leave
 * open is taken from the pin, if there is one.
 */
export async function explainAllocation(
  components: ExplainComponents,
  config: ClusterConfig,
  cid: Cid,
  options: PinOptions & Options,
): Promise<AllocationExplanation> {
  checkContent(cid)
  checkBounds(options)
  checkPlacement(options.metadata)
  const existing = await components.consensus.get(cid)
  options.signal.throwIfAborted()
  const asked = {
    replicationMin: options.replicationMin || (existing?.replicationMin ?? 0),
    replicationMax: options.replicationMax || (existing?.replicationMax ?? 0),
  }
  const replication = resolveReplication(asked, config.replication)
  const metadata = { ...existing?.metadata, ...options.metadata }
  const request = allocationRequests(
    components,
    config,
  )({ cid, replication, existing, preferred: options.userAllocations, metadata })
  return {
    ...components.explainAllocation(request),
    isPinned: existing !== undefined,
    current: existing === undefined || isEverywhere(existing) ? [] : existing.allocations,
    replicationMin: replication.min,
    replicationMax: replication.max,
  }
}
