import type { Allocate } from '../interfaces.ts'
import { isEverywhere } from '../model/pin.ts'
import { fieldFinder } from './candidates.ts'
import type { AllocatorConfig } from './config.ts'
import { choose, plan } from './decide.ts'
import { notEnough } from './not-enough.ts'

/** What the allocator goes by. */
export type AllocateConfig = Pick<AllocatorConfig, 'weightTolerance' | 'diskFullShare'>

/**
 * The allocator. What there is stays as long as enough of it lives (`plan`). Excluded peers are never in the answer; a
 * peer is new in it only if it reports all metrics, nothing is said against it, and the placement allows it. An empty
 * answer means every peer.
 */
export function toAllocate(config: AllocateConfig): Allocate {
  const { weightTolerance } = config
  const fieldOf = fieldFinder(config)
  return request => {
    if (isEverywhere(request)) return []
    const field = fieldOf(request)
    const { kept, needed, wanted } = plan(request, field, weightTolerance)
    if (wanted === 0) return kept
    const chosen = choose(request, field, kept, { limit: wanted, weightTolerance })
    if (chosen.length < needed) throw notEnough(request, field, config, { kept, needed, wanted, chosen })
    return [...kept, ...chosen]
  }
}
