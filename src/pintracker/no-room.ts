import { type Cid, cidFromKey, cidKey } from '../model/cid.ts'
import { NO_ROOM_MAX, type NoRoom } from '../model/no-room.ts'
import type { Operation } from './operation.ts'
import type { WorkSet } from './work-set.ts'

/** Once may be bad luck: room is made while others are pinned, or somebody collects garbage. */
const ATTEMPTS_MIN = 2

/** What the work set knows of pins that find no room. */
export function noRoomIn(work: Pick<WorkSet, 'get' | 'names' | 'reasons'>): NoRoom {
  let last = 0
  return {
    get count() {
      const waiting = work.reasons.get('IPFS_FULL') ?? 0
      // While all of them are being tried again, there is still no room for them.
      last = waiting > 0 || last === 0 ? waiting : countIn(work)
      return last
    },
    list(after: Cid | undefined) {
      const first = after === undefined ? '' : cidKey(after)
      let names: string[] = []
      for (const name of work.names()) {
        if (name <= first || !isWithoutRoom(work.get(name))) continue
        names.push(name)
        if (names.length >= 2 * NO_ROOM_MAX) names = names.sort().slice(0, NO_ROOM_MAX)
      }
      return names.sort().slice(0, NO_ROOM_MAX).map(cidFromKey)
    },
  }
}

function countIn(work: Pick<WorkSet, 'get' | 'names'>): number {
  let count = 0
  for (const name of work.names()) if (isWithoutRoom(work.get(name))) count += 1
  return count
}

/** Also while the next attempt is under way: most of them end as the last one did. */
function isWithoutRoom(operation: Operation | undefined): boolean {
  if (operation?.reason !== 'IPFS_FULL' || operation.kind !== 'pin' || operation.phase === 'dropped')
    return false
  return operation.attempts >= ATTEMPTS_MIN || operation.isGivenUp
}
