import { ClusterError, toClusterError } from '../../errors.ts'
import type { Cluster } from '../../interfaces.ts'
import type { AddEntry } from '../../model/add.ts'
import type { BulkLine, BulkLines, BulkResult } from '../../model/bulk.ts'
import type { Quota } from './quota.ts'

/**
 * The cluster as the holder of a token may use it: what makes pins counts them, and adding counts bytes. `FORBIDDEN` when
 * the limits are reached. Good for every API that has a `Cluster` behind it; make one for each request.
 */
export function limitCluster(cluster: Cluster, quota: Quota): Cluster {
  const counted = async <Result>(make: () => Promise<Result>): Promise<Result> => {
    quota.takePin()
    try {
      return await make()
    } catch (thrown) {
      quota.returnPins(1)
      throw thrown
    }
  }
  const limited: Pick<Cluster, 'pin' | 'pinPath' | 'pinMany' | 'importPins' | 'add'> = {
    pin: (cid, options) => counted(() => cluster.pin(cid, options)),
    pinPath: (path, options) => counted(() => cluster.pinPath(path, options)),
    pinMany: (lines, options) => countLines(some => cluster.pinMany(some, options), lines, quota),
    importPins: (lines, options) => countLines(some => cluster.importPins(some, options), lines, quota),
    async *add(entries, params, pin, options) {
      const measured = measure(entries, quota)
      const reserved = params.noPin ? 0 : 1
      if (reserved > 0) quota.takePin()
      let isDone = false
      try {
        yield* cluster.add(measured, params, pin, options)
        isDone = true
      } finally {
        if (!isDone) quota.returnPins(reserved)
      }
    },
  }
  return new Proxy(cluster, {
    get(target, member) {
      if (Object.hasOwn(limited, member)) return Reflect.get(limited, member)
      const value: unknown = Reflect.get(target, member)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

type Bulk<Wanted> = (lines: BulkLines<Wanted>) => AsyncIterable<readonly BulkResult[]>

/** Lines for which no pin is left are refused. What was taken for lines that came to no pin is given back at the end. */
async function* countLines<Wanted>(
  run: Bulk<Wanted>,
  lines: BulkLines<Wanted>,
  quota: Quota,
): AsyncIterable<readonly BulkResult[]> {
  let unansweredCount = 0
  const take = (line: BulkLine<Wanted>): BulkLine<Wanted> => {
    if (line.wanted instanceof ClusterError) return line
    try {
      quota.takePin()
      unansweredCount += 1
      return line
    } catch (thrown) {
      return { ...line, wanted: toClusterError(thrown) }
    }
  }
  const counted = mapEach(lines, chunk => chunk.map(take))
  try {
    for await (const chunk of run(counted)) {
      for (const { outcome } of chunk) if (typeof outcome === 'string') unansweredCount -= 1
      yield chunk
    }
  } finally {
    quota.returnPins(unansweredCount)
  }
}

async function* mapEach<From, To>(
  source: AsyncIterable<From>,
  convert: (item: From) => To,
): AsyncIterable<To> {
  for await (const item of source) yield convert(item)
}

function measure(entries: AsyncIterable<AddEntry>, quota: Quota): AsyncIterable<AddEntry> {
  return mapEach(entries, entry =>
    entry.kind === 'file'
      ? { ...entry, content: mapEach(entry.content, chunk => taken(chunk, quota)) }
      : entry,
  )
}

function taken(chunk: Uint8Array, quota: Quota): Uint8Array {
  quota.takeBytes(chunk.length)
  return chunk
}
