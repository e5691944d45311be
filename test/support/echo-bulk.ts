import type { Client } from '../../src/api/client.ts'
import { ClusterError } from '../../src/errors.ts'
import type { Cluster, Options } from '../../src/interfaces.ts'
import type { BulkLine, BulkResult } from '../../src/model/bulk.ts'
import { collect } from './rest-server.ts'

/** Members of a cluster that say of every line which they understood that it is pinned. */
export function echoBulk(): Pick<Cluster, 'pinMany' | 'unpinMany' | 'importPins'> {
  const toResult = ({ line, cid, wanted }: BulkLine<unknown>): BulkResult => ({
    line,
    cid,
    outcome: wanted instanceof ClusterError ? wanted : 'pinned',
  })
  async function* echo(chunks: AsyncIterable<readonly BulkLine<unknown>[]>) {
    for await (const chunk of chunks) yield chunk.map(toResult)
  }
  return { pinMany: echo, unpinMany: echo, importPins: echo }
}

/** Texts as the body of a request. */
export async function* toBytes(texts: Iterable<string>): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}

/** What every call that takes or gives pins by the line answers to a good line and a bad one. */
export async function askBulk(client: Client, cid: string, options: Options) {
  const lines = () => toBytes([`{"cid":"${cid}"}\n\nbad\n`])
  return {
    pinMany: await collect(client.pinMany({ lines: lines(), query: { name: 'n' } }, options)),
    unpinMany: await collect(client.unpinMany({ lines: lines() }, options)),
    exportState: await collect(client.exportState({}, options)),
    importState: await collect(client.importState({ lines: lines(), query: { answers: 'failed' } }, options)),
  }
}
