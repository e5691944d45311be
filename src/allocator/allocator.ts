import type { Allocate } from '../interfaces.ts'
import type { ExplainAllocation } from '../model/allocation-request.ts'
import { type AllocateConfig, toAllocate } from './allocate.ts'
import { toExplainAllocation } from './explain.ts'
import { Tally } from './tally.ts'

/** Who chooses peers, and who says why these. */
export interface Allocator {
  readonly allocate: Allocate
  readonly explainAllocation: ExplainAllocation
}

/**
 * The allocator with a memory of what it gave to whom, so that peers that are equal get equal shares, however old their
 * metrics are. Explaining looks at the memory and changes nothing.
 */
export function toAllocator(config: AllocateConfig): Allocator {
  const tally = new Tally()
  const tallyOf = (peer: string) => tally.of(peer)
  const allocate = toAllocate(config)
  const explain = toExplainAllocation(config)
  return {
    allocate(request) {
      const answer = allocate({ ...request, tallyOf })
      tally.add(answer.filter(peer => !request.current.includes(peer)))
      return answer
    },
    explainAllocation: request => explain({ ...request, tallyOf }),
  }
}
