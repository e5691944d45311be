import type { FastifyReply } from 'fastify'
import { ClusterError, messageOf } from '../errors.ts'
import { noteFailure } from './auth-audit.ts'
import {
  endStream,
  linger,
  openStream,
  type ReplyContext,
  STREAM_ERROR,
  sendDocument,
  setHeaders,
  tellInBand,
} from './replies.ts'
import { readBody } from './request-body.ts'

const LINE_TYPES: ReadonlySet<string> = new Set([
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonlines',
])

/**
 * Answers a body of lines with lines, while the body still comes in. Waits for the first answer: what fails before it is
 * an ordinary error (thrown from here). What fails later is told in a trailer. The connection ends with a failure.
 */
export async function sendBulk(
  reply: FastifyReply,
  handle: (lines: AsyncIterable<Uint8Array>) => AsyncIterable<unknown>,
  signal: AbortSignal,
  context: ReplyContext,
): Promise<void> {
  const request = reply.request.raw
  checkType(request.headers['content-type'])
  const stop = new AbortController()
  const lines = readBody(request, AbortSignal.any([signal, stop.signal]), context)
  const answers = handle(lines)[Symbol.asyncIterator]()
  try {
    let item = await answers.next()
    if (item.done === true) return sendDocument(reply, undefined, context)
    setHeaders(reply, context)
    reply.header('Content-Type', 'application/x-ndjson').header('Cache-Control', 'no-cache')
    const writer = openStream(reply, { Trailer: STREAM_ERROR }, context)
    let failure = ''
    try {
      while (item.done !== true) {
        if (!writer.write(JSON.stringify(item.value))) await writer.hasRoom(signal)
        signal.throwIfAborted()
        item = await answers.next()
      }
    } catch (thrown) {
      noteFailure(request, thrown)
      tellInBand(reply, writer, thrown)
      failure = messageOf(thrown)
    }
    writer.flush()
    stop.abort()
    await linger(reply, context)
    if (reply.raw.destroyed) return
    endStream(reply, [failure])
  } catch (thrown) {
    stop.abort()
    reply.header('Connection', 'close')
    await linger(reply, context)
    throw thrown
  } finally {
    stop.abort()
    await answers.return?.()
  }
}

function checkType(header: string | undefined): void {
  const type = (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (LINE_TYPES.has(type)) return
  throw new ClusterError(
    'INVALID_ARGUMENT',
    `this takes one pin a line: send the lines with "Content-Type: application/x-ndjson", not "${type}"`,
  )
}
