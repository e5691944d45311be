import type { Options } from '../../interfaces.ts'
import type { OwnLeft } from '../../model/peer-care.ts'
import { isEverywhere } from '../../model/pin.ts'
import type { LocalComponents } from '../components.ts'

/** What keeps this peer from being switched off, by its own pinset: that of others may be ahead. One pass over it. */
export async function ownLeft(
  { consensus, self, tracker }: Pick<LocalComponents, 'consensus' | 'self' | 'tracker'>,
  { signal }: Options,
): Promise<OwnLeft> {
  let allocatedCount = 0
  for await (const pin of consensus.pins({ allocation: self }, { signal }))
    if (pin.type !== 'meta-pin' && !isEverywhere(pin)) allocatedCount += 1
  return { allocatedCount, handOverCount: tracker.handOverCount }
}
