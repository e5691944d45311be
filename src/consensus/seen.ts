import type { StoreWrite } from '../interfaces.ts'
import type { Breath } from '../lib/breath.ts'
import { isHiddenName } from '../model/entry-name.ts'
import { viewKey } from './keys.ts'
import { isSameItem } from './update.ts'
import { encodeViewEntry, isSameEntry, type ViewEntry } from './view.ts'

/** A CID that a batch looks at: its entry in the view as stored, and after what was worked out so far. */
export interface Seen {
  readonly cid: Uint8Array
  readonly before: ViewEntry | undefined
  now: ViewEntry | undefined
}

/** Whether a batch ended what stood for a CID, or this writer put something new in its place. */
export function isWritten({ before, now }: Seen, client: number): boolean {
  if (now === undefined) return before !== undefined
  return now.client === client && (before === undefined || !isSameItem(before, now))
}

/** What a batch does to the view. */
export async function viewChanges(view: Iterable<Seen>, breath: Breath) {
  const writes: StoreWrite[] = []
  const changed: Uint8Array[] = []
  const hadEntry: boolean[] = []
  const entries: (ViewEntry | undefined)[] = []
  const gone: Uint8Array[] = []
  let added = 0
  for (const { cid, before, now } of view) {
    if (isSameEntry(before, now)) continue
    if (!isHiddenName(cid)) added += (now === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    writes.push({ key: viewKey(cid), value: now === undefined ? undefined : encodeViewEntry(now) })
    changed.push(cid)
    hadEntry.push(before !== undefined)
    entries.push(now)
    if (now === undefined) gone.push(cid)
    if (breath.isDue) await breath.taken()
  }
  return { writes, changed, hadEntry, entries, gone, added }
}
