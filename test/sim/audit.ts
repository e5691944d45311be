import { Documents } from '../../src/consensus/documents.ts'
import { EMPTY_HEAD, type Head } from '../../src/consensus/head.ts'
import { cidOfViewKey, VIEW_RANGE } from '../../src/consensus/keys.ts'
import { readState } from '../../src/consensus/meta.ts'
import { Part } from '../../src/consensus/part.ts'
import type { PartitionDocument } from '../../src/consensus/partition-document.ts'
import { splitItem } from '../../src/consensus/record.ts'
import { decodeViewEntry, type ViewEntry } from '../../src/consensus/view.ts'
import type { ByteStore } from '../../src/interfaces.ts'
import { toHex, toKey } from '../../src/lib/bytes.ts'
import { isMarkName } from '../../src/model/peer-mark.ts'
import { isRequestName } from '../../src/model/pin-request.ts'

/**
 * Builds the pinset of a store anew from snapshots and logs, and says where view, heads or count differ from that.
 */
export async function audit(store: ByteStore, partitionsCount: number, pinsCount: number): Promise<string[]> {
  const faults: string[] = []
  const { heads } = await readState(store, partitionsCount)
  // Whether a pin is in its place was checked when it came; here it belongs where it is found.
  let at = 0
  const options = {
    partitionOf: () => at,
    budgetBytes: Number.POSITIVE_INFINITY,
    onDamaged: (partition: number) => void faults.push(`partition ${partition} cannot be read`),
  }
  const documents = new Documents(store, options)
  const expected = new Map<string, ViewEntry>()
  for (const [partition, head] of heads) {
    at = partition
    const document = await documents.load(partition, head)
    faults.push(...headFaults(partition, head, documents, document))
    for (const { value } of document.items()) {
      const cid = toKey(splitItem(value).cid)
      const entry = document.entryOf(cid)
      if (entry !== undefined) expected.set(cid, entry)
    }
  }
  let count = 0
  let hiddenCount = 0
  for await (const [key, value] of store.entries(VIEW_RANGE)) {
    count++
    if (isMarkName(cidOfViewKey(key)) || isRequestName(cidOfViewKey(key))) hiddenCount++
    const real = expected.get(toKey(cidOfViewKey(key)))
    if (!isSameEntry(real, decodeViewEntry(value))) faults.push(`the view shows ${toHex(key)} in another way`)
  }
  // What operators said of peers is no pin, and requests are none.
  if (expected.size !== count || count - hiddenCount !== pinsCount)
    faults.push(`documents have ${expected.size} pins, the view ${count}, the count says ${pinsCount}`)
  documents.clear()
  return faults
}

/** Where the head differs from what the document says. */
function headFaults(
  partition: number,
  head: Head,
  documents: Documents,
  document: PartitionDocument,
): string[] {
  const part = new Part(partition, EMPTY_HEAD, documents)
  for (const id of document.items()) part.mark(id, 1)
  part.log(new Uint8Array())
  const real = part.finish()?.head ?? EMPTY_HEAD
  const faults: string[] = []
  if (toHex(real.live) !== toHex(head.live) || real.liveCount !== head.liveCount)
    faults.push(
      `partition ${partition}: the head counts ${head.liveCount} items, the document ${real.liveCount}`,
    )
  for (const [client, clock] of document.clocks()) {
    const known = head.clocks.get(client)
    if (known !== clock) faults.push(`partition ${partition}: clock of ${client} is ${known}, not ${clock}`)
  }
  return faults
}

function isSameEntry(a: ViewEntry | undefined, b: ViewEntry): boolean {
  return (
    a?.client === b.client &&
    a.clock === b.clock &&
    a.isSole === b.isSole &&
    toHex(a.record) === toHex(b.record)
  )
}
