import { cidKey } from '../../src/model/cid.ts'
import { ChangeJournal } from '../../src/pintracker/change-journal.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { virtualClock } from '../support/virtual-clock.ts'
import type { Disk } from './disk.ts'
import { pinsIn } from './oracle.ts'

/**
 * What IPFS keeps for ever once a daemon has ended: what neither the pinset on its disk nor the names of pending unpins on the tracker's
 * tell the next one. All else of `held` it has to find.
 */
export async function leftBehind(
  held: Iterable<string>,
  { disk, trackerDisk }: { readonly disk: Disk; readonly trackerDisk: Disk },
): Promise<ReadonlySet<string>> {
  const left = new Set(held)
  for await (const { cid } of pinsIn(disk.contents)) left.delete(cidKey(cid))
  const store = trackerDisk.contents
  const seams = { clock: virtualClock(), random: seededRandom(0), logger: silentLogger() }
  const parts = { store, windowMax: Number.POSITIVE_INFINITY, ...seams }
  const journal = await ChangeJournal.open(parts)
  for (const name of journal.names()) left.delete(name)
  return left
}
