import type { ByteReader } from '../lib/byte-reader.ts'
import type { ByteWriter } from '../lib/byte-writer.ts'
import { fromKey, toKey } from '../lib/bytes.ts'
import { LatestMap } from '../lib/latest-map.ts'
import { compareTimes, type HlcTime } from './hlc.ts'

/** CID (bytes as latin1 text) → when it was removed. */
export type RemovedAt = ReadonlyMap<string, HlcTime>

const KEPT_MAX = 10_000
const CID_BYTES_MAX = 512
const NONE: RemovedAt = new Map()

/**
 * When pins were removed, by whomever. A state says that a pin is gone, but not since when; whoever compares states is told
 * as far as somebody remembers. Those of the last 10,000 CIDs are kept, in memory only.
 */
export class RemovalTimes {
  readonly #times = new LatestMap<string, HlcTime>(KEPT_MAX)
  readonly #partitionOf: (cid: Uint8Array) => number
  /** Worked out when it is asked for, which is seldom while much is removed. */
  #byPartition: Map<number, Map<string, HlcTime>> | undefined

  constructor(partitionOf: (cid: Uint8Array) => number) {
    this.#partitionOf = partitionOf
  }

  add(cid: Uint8Array, time: HlcTime): void {
    const key = toKey(cid)
    const known = this.#times.get(key)
    this.#times.set(key, known !== undefined && compareTimes(known, time) > 0 ? known : time)
    this.#byPartition = undefined
  }

  /** What is remembered of one partition. */
  of(partition: number): RemovedAt {
    this.#byPartition ??= this.#sort()
    return this.#byPartition.get(partition) ?? NONE
  }

  #sort(): Map<number, Map<string, HlcTime>> {
    const sorted = new Map<number, Map<string, HlcTime>>()
    for (const [key, time] of this.#times) {
      const partition = this.#partitionOf(fromKey(key))
      const times = sorted.get(partition)
      if (times === undefined) sorted.set(partition, new Map([[key, time]]))
      else times.set(key, time)
    }
    return sorted
  }
}

/** Writes how many, then of each the CID and when it was removed. */
export function writeRemovedAt(out: ByteWriter, removedAt: RemovedAt): void {
  out.uint(removedAt.size)
  for (const [key, { ms, count }] of removedAt) out.bytes(fromKey(key)).uint(ms).uint(count)
}

/** What `writeRemovedAt` wrote. Throws `INVALID_ARGUMENT`. */
export function readRemovedAt(input: ByteReader): RemovedAt {
  const removedAt = new Map<string, HlcTime>()
  for (let left = input.uint(KEPT_MAX); left > 0; left--)
    removedAt.set(toKey(input.bytes(CID_BYTES_MAX)), { ms: input.uint(), count: input.uint(0xffff) })
  return removedAt
}
