import type { ByteStore, PinRange } from '../interfaces.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { Pages } from '../lib/pages.ts'
import { type Cid, cidFromBytes } from '../model/cid.ts'
import { isMarkName } from '../model/peer-mark.ts'
import type { Pin } from '../model/pin.ts'
import { isRequestName } from '../model/pin-request.ts'
import { compareTimes, type HlcTime } from './hlc.ts'
import { cidOfViewKey, viewKey, viewRange } from './keys.ts'
import { decodePin, timeOfRecord } from './record.ts'
import { fitsRecord, isMarkRecord, isRequestRecord, toRecordFilter } from './record-filter.ts'
import { type ItemId, isSameItem } from './update.ts'

/**
 * What the view keeps of a CID: the winning item. Where no other item of the CID lives, changing or removing it needs
 * no document: the id of the one item to delete stands here.
 */
export interface ViewEntry extends ItemId {
  readonly isSole: boolean
  readonly record: Uint8Array
}

/** An entry as stored: flags, client, clock, record. */
export function encodeViewEntry(entry: ViewEntry): Uint8Array {
  return new ByteWriter()
    .byte(entry.isSole ? 1 : 0)
    .uint(entry.client)
    .uint(entry.clock)
    .raw(entry.record)
    .finish()
}

/** An entry read back. */
export function decodeViewEntry(bytes: Uint8Array): ViewEntry {
  const head = new ByteReader(bytes)
  const isSole = head.byte() === 1
  const client = head.uint()
  const clock = head.uint()
  return { isSole, client, clock, record: head.rest() }
}

/** The pin of an entry. */
export function pinOfEntry(cid: Cid, entry: ViewEntry): Pin {
  return decodePin(cid, entry.record)
}

/** When an entry was written. */
export function timeOf(entry: ViewEntry | undefined): HlcTime | undefined {
  return entry === undefined ? undefined : timeOfRecord(entry.record)
}

/** The same as a list, which is empty without an entry. */
export function timesOf(entry: ViewEntry | undefined): readonly HlcTime[] {
  return entry === undefined ? [] : [timeOfRecord(entry.record)]
}

/** Whether `a` wins over `b`: the later time, then the greater writer and clock, the same on every peer. */
export function winsOver(a: ViewEntry, b: ViewEntry): boolean {
  const order =
    compareTimes(timeOfRecord(a.record), timeOfRecord(b.record)) || a.client - b.client || a.clock - b.clock
  return order > 0
}

/** The entry that all living items of a CID come to; undefined when there are none. */
export function winnerOf(items: readonly ViewEntry[]): ViewEntry | undefined {
  let winner: ViewEntry | undefined
  for (const item of items) if (winner === undefined || winsOver(item, winner)) winner = item
  return winner === undefined ? undefined : { ...winner, isSole: items.length === 1 }
}

/** Whether both stand for the same state of the view. */
export function isSameEntry(a: ViewEntry | undefined, b: ViewEntry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return isSameItem(a, b) && a.isSole === b.isSole
}

/** The pin of a CID as committed. */
export async function readPin(store: Pick<ByteStore, 'get'>, cid: Cid): Promise<Pin | undefined> {
  const stored = await store.get(viewKey(cid.bytes))
  return stored === undefined ? undefined : pinOfEntry(cid, decodeViewEntry(stored))
}

/** The same for many, in the order asked. */
export async function readMany(
  store: Pick<ByteStore, 'getMany'>,
  cids: readonly Cid[],
): Promise<readonly (Pin | undefined)[]> {
  const stored = await store.getMany(cids.map(cid => viewKey(cid.bytes)))
  return cids.map((cid, at) => {
    const entry = stored[at]
    return entry === undefined ? undefined : pinOfEntry(cid, decodeViewEntry(entry))
  })
}

/**
 * The pins of a range in order of CID bytes, as they were when the reading began, in pages. A page of which nothing fits is
 * empty, so that whoever reads gets a word in however long nothing fits.
 */
export function readPins(store: Pick<ByteStore, 'pages'>, range: PinRange): AsyncIterable<Pin> {
  return new Pages(readPages(store, range))
}

async function* readPages(store: Pick<ByteStore, 'pages'>, range: PinRange): AsyncGenerator<readonly Pin[]> {
  const filter = toRecordFilter(range)
  const keys = viewRange(range)
  // Requests and marks are no content: they show only where they are asked for by their type.
  const isRequestAsked = range.types?.has('request') === true
  const isMarkAsked = range.types?.has('peer-mark') === true
  let left = range.limit ?? Number.POSITIVE_INFINITY
  if (left <= 0) return
  for await (const page of store.pages(keys)) {
    const pins: Pin[] = []
    for (const [key, value] of page) {
      const entry = decodeViewEntry(value)
      if (!isRequestAsked && (isRequestName(key, 1) || isRequestRecord(entry.record))) continue
      if (!isMarkAsked && (isMarkName(key, 1) || isMarkRecord(entry.record))) continue
      if (filter !== undefined && !fitsRecord(entry.record, filter)) continue
      pins.push(pinOfEntry(cidFromBytes(cidOfViewKey(key)), entry))
      if (--left <= 0) break
    }
    yield pins
    if (left <= 0) return
  }
}
