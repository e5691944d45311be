import type { Consensus, Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import type { PinnedView } from './pinned-view.ts'
import { reconcile } from './reconcile.ts'

const ROOM_CHECK_MS = 10

/** What a sweep looks at, and whom it tells. */
export interface SweepParts {
  readonly consensus: Pick<Consensus, 'pins'>
  readonly view: PinnedView
  readonly self: PeerId
  /** Whether something is being done about the CID already. */
  readonly isBusy: (name: string, cid: Cid) => boolean
  readonly lookAt: (name: string) => void
  /** Whether there is room for one more name to look at. */
  readonly hasRoomToLook: () => boolean
  readonly clock: Clock
  /** Told of what is held here and allocated to others only. */
  readonly offer: (name: string) => void
}

/** What a sweep found. */
export interface SweepResult {
  readonly entries: number
  readonly differing: number
}

/**
 * Compares every entry of the pinset with a fresh listing of what IPFS has pinned, and names those that differ. What
 * IPFS holds and the pinset does not know is left alone: it may well be somebody's own. When the listing is cut, nothing
 * is named. Throws what listing or reading threw.
 */
export async function sweep(parts: SweepParts, { signal }: Options): Promise<SweepResult> {
  const { consensus, view, self, isBusy, lookAt, hasRoomToLook, offer, clock } = parts
  await view.refresh(0, { signal })
  let entries = 0
  let differing = 0
  for await (const pin of consensus.pins({}, { signal })) {
    entries += 1
    const step = reconcile(pin, view.mode(pin.cid), self)
    if (step === 'nothing') continue
    const name = cidKey(pin.cid)
    if (isBusy(name, pin.cid)) continue
    differing += 1
    if (step !== 'pin') offer(name)
    else {
      while (!hasRoomToLook()) await clock.sleep(ROOM_CHECK_MS, signal)
      lookAt(name)
    }
  }
  return { entries, differing }
}
