import type { IncomingMessage } from 'node:http'
import { ClusterError } from '../../errors.ts'
import type { RpcExchange } from './rpc.ts'
import { refused } from './rpc-call.ts'

const LINE_CHARACTERS_MAX = 1_048_576

/** The bytes of an answer as they come. Throws when the stream is cut or ends with `X-Stream-Error`. */
export async function* readBytes(exchange: RpcExchange, what: string): AsyncGenerator<Uint8Array> {
  const answer = await exchange.response
  checkLength(answer, what)
  try {
    for await (const chunk of answer) {
      exchange.touch()
      yield chunk
    }
  } catch (thrown) {
    throw exchange.toError(thrown)
  }
  const failed = streamError(answer, what)
  if (failed !== undefined) throw failed
}

/**
 * The objects of an answer, one a line, in the batches in which they arrive. Throws when the stream is cut, anywhere, or
 * ends with `X-Stream-Error`.
 */
export async function* readLines(exchange: RpcExchange, what: string): AsyncGenerator<readonly unknown[]> {
  const answer = await exchange.response
  checkLength(answer, what)
  answer.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of answer) {
      exchange.touch()
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > LINE_CHARACTERS_MAX) throw refused(what, 'a line of its answer is too long')
      if (lines.length > 0) yield lines.filter(line => line !== '').map(line => parseLine(line, what))
    }
  } catch (thrown) {
    throw thrown instanceof ClusterError ? thrown : exchange.toError(thrown)
  }
  const failed = streamError(answer, what)
  if (failed !== undefined) throw failed
  if (rest.trim() !== '') yield [parseLine(rest, what)]
}

/** One JSON value of an answer. */
export function parseLine(line: string, what: string): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new ClusterError(
      'IPFS_UNAVAILABLE',
      `the IPFS node's answer to ${what} is broken off or not JSON: "${line.slice(0, 120)}"`,
      { cause },
    )
  }
}

/** A member of a parsed JSON object; undefined for anything else. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}

function streamError(answer: IncomingMessage, what: string): ClusterError | undefined {
  const message = answer.trailers['x-stream-error']
  return message === undefined ? undefined : refused(what, message)
}

/** Without a length or chunks a cut answer looks like a whole one. */
function checkLength(answer: IncomingMessage, what: string): void {
  const { headers } = answer
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] === 'chunked') return
  answer.destroy()
  throw new ClusterError(
    'IPFS_UNAVAILABLE',
    `the answer to ${what} has neither a length nor chunks, so that its end could not be told from a cut: remove the HTTP/1.0 proxy before the IPFS node`,
  )
}
