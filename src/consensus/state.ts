import { ClusterError } from '../errors.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { CLOCK_MAX, type ItemId, type Run, readItem, writeItem, writeRuns } from './update.ts'

/** A live item and its value. */
export interface LiveItem extends ItemId {
  readonly value: Uint8Array
}

const COLLECTED = 0

/**
 * The state of a partition as a Yjs update (format 1): all that each writer has written up to its clock, of which the
 * items live and everything else is deleted. Deleted neighbours are one collected range, whatever was there, so that
 * the size follows the live items and the writers, never the number of writes; and equal states give equal bytes.
 * With `known`, only what somebody with these clocks lacks, and all deletions.
 */
export function encodeState(
  clocks: ReadonlyMap<number, number>,
  items: Iterable<LiveItem>,
  known: ReadonlyMap<number, number> = new Map(),
): Uint8Array {
  const byClient = new Map<number, LiveItem[]>()
  for (const item of items) {
    const list = byClient.get(item.client)
    if (list === undefined) byClient.set(item.client, [item])
    else list.push(item)
  }
  const body = new ByteWriter()
  const deletes: [client: number, runs: Run[]][] = []
  let clientsCount = 0
  for (const [client, end] of [...clocks].sort(([a], [b]) => b - a)) {
    const live = (byClient.get(client) ?? []).sort((a, b) => a.clock - b.clock)
    const gaps = gapsBetween(live, end)
    if (gaps.length > 0) deletes.push([client, gaps])
    const start = known.get(client) ?? 0
    if (start >= end) continue
    clientsCount++
    writeStructs(body, { client, start, live, gaps })
  }
  const out = new ByteWriter().uint(clientsCount).raw(body.finish())
  writeRuns(out, deletes)
  return out.finish()
}

/** Clocks from 0 to `end` that no live item has. */
function gapsBetween(live: readonly LiveItem[], end: number): Run[] {
  const gaps: Run[] = []
  let at = 0
  for (const { clock } of live) {
    if (clock > at) gaps.push([at, clock - at])
    at = clock + 1
  }
  if (end > at) gaps.push([at, end - at])
  return gaps
}

function writeStructs(
  out: ByteWriter,
  part: { client: number; start: number; live: readonly LiveItem[]; gaps: readonly Run[] },
): void {
  const live = part.live.filter(({ clock }) => clock >= part.start)
  const gaps = part.gaps.filter(([clock, length]) => clock + length > part.start)
  out
    .uint(live.length + gaps.length)
    .uint(part.client)
    .uint(part.start)
  let next = 0
  for (const [clock, length] of gaps) {
    for (; (live[next]?.clock ?? clock) < clock; next++) writeLive(out, live[next])
    out.byte(COLLECTED).uint(clock + length - Math.max(clock, part.start))
  }
  for (; next < live.length; next++) writeLive(out, live[next])
}

function writeLive(out: ByteWriter, item: LiveItem | undefined): void {
  if (item !== undefined) writeItem(out, item, item.value)
}

/**
 * Walks over a state without building anything, before a document gets to see it: only what `encodeState` and
 * `encodeChange` write may pass. Answers with the clock up to which it tells of each writer. Throws `INVALID_ARGUMENT`.
 */
export function checkState(update: Uint8Array): Map<number, number> {
  const input = new ByteReader(update)
  const clocks = new Map<number, number>()
  const clients = input.uint(input.left)
  for (let index = 0; index < clients; index++) {
    let structs = input.uint(input.left)
    const client = input.uint()
    let clock = input.uint(CLOCK_MAX)
    if (clocks.has(client)) refuse('tells twice of one writer')
    for (; structs > 0; structs--) {
      if (input.peek() === COLLECTED) {
        input.byte()
        clock += input.uint(CLOCK_MAX)
      } else {
        readItem(input, { client, clock })
        clock++
      }
      if (clock > CLOCK_MAX) refuse('has a clock that nobody reaches')
    }
    clocks.set(client, clock)
  }
  checkRuns(input)
  input.end()
  return clocks
}

function checkRuns(input: ByteReader): void {
  const clients = input.uint(input.left)
  for (let index = 0; index < clients; index++) {
    input.uint()
    const runs = input.uint(input.left)
    for (let run = 0; run < runs; run++) {
      if (input.uint(CLOCK_MAX) + input.uint(CLOCK_MAX) > CLOCK_MAX)
        refuse('deletes behind every clock that anybody reaches')
    }
  }
}

function refuse(what: string): never {
  throw new ClusterError('INVALID_ARGUMENT', `a state of a partition ${what}`)
}
