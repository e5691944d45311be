import { ClusterError, messageOf } from '../../errors.ts'
import type { Cluster } from '../../interfaces.ts'
import type { AddedOutput } from '../../model/add.ts'
import { formatCid } from '../../model/cid.ts'
import { boundaryOf, readParts } from '../multipart.ts'
import { type AddRequest, booleanOf, parseAddRequest, parseQuery, type Query } from '../query.ts'
import { discardBody, readBody } from '../request-body.ts'
import type { DocumentWriter } from '../stream-reply.ts'
import { readEntries } from '../upload.ts'
import type { ProxyExchange } from './exchange.ts'
import { flagOf } from './flag.ts'
import type { PaceContext } from './paced-writer.ts'
import type { KuboReply } from './reply.ts'

/** What adding asks. */
export interface AddCommandParts {
  readonly cluster: Pick<Cluster, 'add'>
  readonly context: PaceContext
}

/** Kubo's options that would change the result and that the cluster does not have. */
const REFUSED_FLAGS = ['only-hash', 'inline'] as const

/** `add`: content goes to the cluster's peers, and its root is pinned. Records go out while the files still come in. */
export async function add(
  { cluster, context }: AddCommandParts,
  exchange: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const { request, signal } = exchange
  refuseOthers(exchange.query)
  const boundary = within('error reading request: ', () => boundaryOf(request.headers['content-type']))
  const wanted = within('error parsing options:', () =>
    parseOptions(parseQuery(exchange.search), context.clock.now()),
  )
  const parts = readParts(readBody(request, signal, context), boundary)
  const entries = readEntries(parts, wanted.params.wrapWithDirectory)
  const records = cluster.add(entries, wanted.params, wanted.options, { signal })
  reply.setHeader('cache-control', 'no-cache')
  reply.setHeader('connection', 'close')
  const discard = () => discardBody(request, exchange.response, context.clock)
  if (wanted.isStreamed) await streamRecords(records, reply, signal, discard)
  else await collectRecords(records, reply)
}

function refuseOthers(query: URLSearchParams): void {
  const toFiles = query.get('to-files') ?? ''
  const refused = toFiles !== '' ? 'to-files' : REFUSED_FLAGS.find(name => flagOf(query, name))
  if (refused !== undefined)
    throw new ClusterError('INVALID_ARGUMENT', `${refused} is not supported when adding to cluster`)
}

function within<Value>(what: string, parse: () => Value): Value {
  try {
    return parse()
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', what + messageOf(cause), { cause })
  }
}

/** Kubo's options as those of the REST API, which has most of them by the same names. */
function parseOptions(query: Query, nowMs: number): AddRequest {
  const { 'pin-name': pinName = '' } = query
  const request = parseAddRequest(
    {
      ...query,
      name: query['name'] || pinName,
      ...(booleanOf(query, 'trickle') ? { layout: 'trickle' } : {}),
      ...(booleanOf(query, 'pin', true) ? {} : { 'no-pin': 'true' }),
    },
    nowMs,
  )
  if (request.isSharded) throw new ClusterError('REFUSED', 'sharding is not supported: leave out shard=true')
  return request
}

/** A record as Kubo writes it: sizes are texts, and what is empty is left out. */
function toRecord({ name, cid, bytes = 0, size = 0 }: AddedOutput): object {
  return {
    Name: name,
    ...(cid === undefined ? {} : { Hash: formatCid(cid) }),
    ...(bytes === 0 ? {} : { Bytes: bytes }),
    ...(size === 0 ? {} : { Size: String(size) }),
  }
}

async function streamRecords(
  records: AsyncIterable<AddedOutput>,
  reply: KuboReply,
  signal: AbortSignal,
  discard: () => Promise<void>,
): Promise<void> {
  const open = () => reply.openLines({ 'x-chunked-output': '1' })
  let writer: DocumentWriter | undefined
  let failure = ''
  try {
    for await (const record of records) {
      writer ??= open()
      if (!writer.write(JSON.stringify(toRecord(record)))) await writer.hasRoom(signal)
      signal.throwIfAborted()
    }
  } catch (thrown) {
    failure = messageOf(thrown)
  }
  writer ??= open()
  writer.flush()
  await discard()
  reply.endLines(writer, failure)
}

async function collectRecords(records: AsyncIterable<AddedOutput>, reply: KuboReply): Promise<void> {
  const texts: string[] = []
  try {
    for await (const record of records) texts.push(JSON.stringify(toRecord(record)))
  } catch (thrown) {
    // The reference has the REST API's form here.
    return reply.sendText(500, `${JSON.stringify({ code: 500, message: messageOf(thrown) })}\n`)
  }
  await reply.sendText(200, texts.length === 0 ? 'null\n' : `[${texts.join(',')}]\n`)
}
