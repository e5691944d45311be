import { ClusterError, messageOf } from '../../errors.ts'
import type { Cluster } from '../../interfaces.ts'
import { type Cid, parseCid } from '../../model/cid.ts'
import { NO_OPTIONS } from '../../model/pin.ts'
import { readLines, readText } from '../read-lines.ts'
import { discardBody } from '../request-body.ts'
import type { ProxyExchange } from './exchange.ts'
import { forwardedHeaders, hasBody } from './forward.ts'
import type { PaceContext } from './paced-writer.ts'
import type { KuboReply } from './reply.ts'
import type { Upstream } from './upstream.ts'

/** What putting through the node asks. */
export interface PutCommandParts {
  readonly cluster: Pick<Cluster, 'pin'>
  readonly upstream: Upstream
  readonly context: PaceContext
}

const REFUSAL_BYTES_MAX = 65_536

/** `block/put` and `dag/put` with `pin=true`: the node stores, and the cluster pins what the node says it has stored. */
export async function putAndPin(
  parts: PutCommandParts,
  exchange: ProxyExchange,
  target: string,
  reply: KuboReply,
): Promise<void> {
  const { request, signal } = exchange
  const answer = await parts.upstream.send({
    method: 'POST',
    target,
    headers: forwardedHeaders(request),
    ...(hasBody(request) ? { body: request } : {}),
    signal,
  })
  const status = answer.statusCode ?? 0
  if (status !== 200) return reply.sendText(status, await readText(answer, REFUSAL_BYTES_MAX))
  const writer = reply.openLines()
  const failures: string[] = []
  try {
    for await (const line of readLines(answer)) {
      await pinRecord(parts.cluster, line, exchange.stopping).catch((thrown: unknown) => {
        failures.push(messageOf(thrown))
      })
      if (!writer.write(line)) await writer.hasRoom(signal)
    }
    const error = answer.trailers['x-stream-error']
    if (error !== undefined) failures.push(error)
  } catch (thrown) {
    failures.push(messageOf(thrown))
  }
  await discardBody(request, exchange.response, parts.context.clock)
  reply.endLines(writer, failures.join('; '))
}

/** The target of a `dag/put` that leaves the pinning to the cluster. */
export function withoutPin(target: string): string {
  const mark = target.indexOf('?')
  const path = target.slice(0, mark)
  const query = new URLSearchParams(target.slice(mark + 1))
  query.set('pin', 'false')
  query.sort()
  return `${path}?${query.toString()}`
}

async function pinRecord(cluster: Pick<Cluster, 'pin'>, line: string, signal: AbortSignal): Promise<void> {
  await cluster.pin(cidIn(line), { ...NO_OPTIONS, signal })
}

function cidIn(line: string): Cid {
  const record: unknown = JSON.parse(line)
  const key = member(record, 'Key') ?? member(member(record, 'Cid'), '/')
  if (typeof key === 'string') return parseCid(key)
  throw new ClusterError('IPFS_REFUSED', `the IPFS node named no CID: ${line.slice(0, 200)}`)
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}
