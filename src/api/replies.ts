import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'
import { type ClusterError, messageOf, toClusterError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { formatJson } from '../lib/json.ts'
import { pagesOf } from '../lib/pages.ts'
import type { AddEntry } from '../model/add.ts'
import { noteFailure } from './auth-audit.ts'
import { inTurns } from './fair-turns.ts'
import type { ListingPlace } from './listing-places.ts'
import { boundaryOf, readParts } from './multipart.ts'
import { discardBody, readBody } from './request-body.ts'
import { DocumentWriter, toHeaderText } from './stream-reply.ts'
import { readEntries } from './upload.ts'

/** What every answer needs. */
export interface ReplyContext {
  readonly clock: Clock
  readonly idleTimeoutMs: number
  /** Bound of a whole answer; 0 = none. */
  readonly writeTimeoutMs: number
  /** Configured headers, sent with everything that a handler answers. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  /** The document of an error; absent = that of the REST API. */
  readonly formatError?: (error: ClusterError) => string
}

/** Trailer that tells what ended a stream before its end; '' for nothing. */
export const STREAM_ERROR = 'X-Stream-Error'
/** Type of one JSON document a line. */
const LINES = 'application/x-ndjson'

/** Puts on the headers of an answer that a handler made. */
export function setHeaders(reply: FastifyReply, context: ReplyContext): void {
  reply.header('Content-Type', 'application/json')
  for (const [name, values] of Object.entries(context.headers)) reply.header(name, [...values])
}

/** Answers with one document, or with 204 for none. */
export function sendDocument(
  reply: FastifyReply,
  document: unknown,
  context: ReplyContext,
  status = 200,
): void {
  setHeaders(reply, context)
  if (document === undefined) reply.code(204).send()
  else sendText(reply, status, `${formatJson(document)}\n`)
}

/** Answers with a status and nothing else. */
export function sendEmpty(reply: FastifyReply, status: number, context: ReplyContext): void {
  setHeaders(reply, context)
  reply.removeHeader('Content-Type')
  reply.code(status).header('Content-Length', '0').send()
}

/** Nothing that a page for people shows or runs comes from elsewhere. */
function setPageHeaders(reply: FastifyReply): void {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
  reply.header('Content-Type', 'text/html; charset=utf-8').header('Content-Security-Policy', policy)
}

/** A document, or a page as it is, as the bytes of an answer. */
export function toFixedBytes(answer: unknown): Buffer {
  return Buffer.from(typeof answer === 'string' ? answer : `${formatJson(answer)}\n`)
}

/** Answers with bytes that were made before: those of a page for people, or of a document. */
export function sendFixed(
  reply: FastifyReply,
  { bytes, isPage }: { readonly bytes: Buffer; readonly isPage: boolean },
  context: ReplyContext,
): void {
  if (isPage) setPageHeaders(reply)
  else setHeaders(reply, context)
  reply.send(bytes)
}

/**
 * Sends a text as it is, which goes out in one piece with the head; bytes would be a piece of their own. The framework adds a
 * charset unless there is a serialiser, and clients that compare the type do not expect one.
 */
function sendText(reply: FastifyReply, status: number, text: string): void {
  reply.code(status).serializer(asItIs).send(text)
}

const asItIs = (text: string): string => text

/** Answers with an error: `{code, message}` as in the reference, and `reason`, our own code. */
export function sendError(reply: FastifyReply, thrown: unknown, context: ReplyContext): void {
  const error = toClusterError(thrown)
  noteFailure(reply.request.raw, thrown)
  setHeaders(reply, context)
  sendText(reply, error.status, (context.formatError ?? formatError)(error))
}

/** The document of an error of the REST API. */
export function formatError(error: ClusterError, status = error.status): string {
  return `${JSON.stringify({ code: status, message: error.message, reason: error.code })}\n`
}

/** Waits for a slow reader, at the place of the listing if it has one. */
async function untilRoom(
  writer: DocumentWriter,
  place: ListingPlace | undefined,
  signal: AbortSignal,
): Promise<void> {
  const wait = writer.hasRoom(signal)
  await (place === undefined ? wait : place.standStill(wait, () => writer.giveUp()))
}

/**
 * Answers with documents as they come, one a line. Waits for the first one: what fails before it is an ordinary error
 * (thrown from here), and no document at all is a 204. At the end a trailer tells whether the list is whole.
 */
export async function sendStream(
  reply: FastifyReply,
  documents: AsyncIterable<unknown>,
  signal: AbortSignal,
  context: ReplyContext,
  place?: ListingPlace,
): Promise<void> {
  const iterator = inTurns(pagesOf(documents))[Symbol.asyncIterator]()
  let page = await iterator.next()
  while (page.done !== true && page.value.length === 0) page = await iterator.next()
  if (page.done === true) return sendDocument(reply, undefined, context)
  setHeaders(reply, context)
  const writer = openStream(reply, { Trailer: STREAM_ERROR }, context)
  const response = reply.raw
  const errors = ['']
  try {
    while (page.done !== true) {
      for (const document of page.value) {
        if (writer.write(formatJson(document))) continue
        await untilRoom(writer, place, signal)
        signal.throwIfAborted()
      }
      signal.throwIfAborted()
      page = await iterator.next()
    }
  } catch (thrown) {
    noteFailure(reply.request.raw, thrown)
    tellInBand(reply, writer, thrown)
    errors.push(messageOf(thrown))
  } finally {
    if (page.done !== true) await iterator.return?.()
  }
  writer.flush()
  if (response.destroyed) return
  endStream(reply, errors)
}

/** Ends a stream with what went wrong in a trailer. HTTP/1.0 has no trailers: there a failure cuts the connection. */
export function endStream({ raw }: FastifyReply, failures: readonly string[]): void {
  if (raw.req.httpVersion === '1.0' && failures.some(failure => failure !== '')) {
    raw.destroy()
    return
  }
  raw.addTrailers(failures.map((text): [string, string] => [STREAM_ERROR, toHeaderText(text)]))
  raw.end()
}

/** Begins an answer of several documents. */
export function openStream(
  reply: FastifyReply,
  headers: Readonly<Record<string, string>>,
  context: ReplyContext,
): DocumentWriter {
  reply.hijack()
  const type = isInBand(reply) ? { 'content-type': LINES } : {}
  const all = { ...reply.getHeaders(), ...headers, ...type } as OutgoingHttpHeaders
  if (reply.raw.req.httpVersion === '1.0') delete all['Trailer']
  reply.raw.writeHead(200, all)
  return new DocumentWriter(reply.raw, context.clock, context.idleTimeoutMs)
}

/** Browsers cannot read trailers: who asks for lines by name is told in the last line what ended a stream. */
function isInBand(reply: FastifyReply): boolean {
  return reply.request.headers.accept?.includes(LINES) === true
}

/** Ends a stream with the document of an error, for clients that asked for it. */
export function tellInBand(reply: FastifyReply, writer: DocumentWriter, thrown: unknown): void {
  if (isInBand(reply)) writer.write(formatError(toClusterError(thrown)).trimEnd())
}

/** How an upload is to be answered. */
export interface UploadReply {
  /** Starts adding; what it throws at once is an ordinary error. */
  readonly add: (entries: AsyncIterable<AddEntry>) => AsyncIterable<unknown>
  readonly isStreamed: boolean
  /** Whether an upload without parts means something. */
  readonly isEmptyAllowed: boolean
}

/**
 * Answers an upload. Records go out while the files still come in; the status line goes with the first of them, and what
 * fails is told in a trailer. Not streamed: one array at the end, or an ordinary error. The connection ends with it.
 */
export async function sendUpload(
  reply: FastifyReply,
  upload: UploadReply,
  signal: AbortSignal,
  context: ReplyContext,
): Promise<void> {
  const boundary = boundaryOf(reply.request.headers['content-type'])
  const chunks = readBody(reply.request.raw, signal, context)
  const records = upload.add(readEntries(readParts(chunks, boundary), upload.isEmptyAllowed))
  setHeaders(reply, context)
  reply.header('Cache-Control', 'no-cache').header('Connection', 'close')
  if (upload.isStreamed) await streamRecords(reply, records, signal, context)
  else await collectRecords(reply, records, context)
}

async function streamRecords(
  reply: FastifyReply,
  records: AsyncIterable<unknown>,
  signal: AbortSignal,
  context: ReplyContext,
): Promise<void> {
  const open = () => openStream(reply, { Trailer: STREAM_ERROR, 'X-Chunked-Output': '1' }, context)
  let writer: DocumentWriter | undefined
  let failure: unknown
  try {
    for await (const record of records) {
      writer ??= open()
      if (!writer.write(formatJson(record))) await writer.hasRoom(signal)
      signal.throwIfAborted()
    }
  } catch (thrown) {
    noteFailure(reply.request.raw, thrown)
    failure = thrown
  }
  writer ??= open()
  if (failure !== undefined) tellInBand(reply, writer, failure)
  writer.flush()
  await linger(reply, context)
  if (reply.raw.destroyed) return
  endStream(reply, failure === undefined ? [] : [messageOf(failure)])
}

async function collectRecords(
  reply: FastifyReply,
  records: AsyncIterable<unknown>,
  context: ReplyContext,
): Promise<void> {
  const texts: string[] = []
  try {
    for await (const record of records) texts.push(formatJson(record))
  } catch (thrown) {
    noteFailure(reply.request.raw, thrown)
    await linger(reply, context)
    const error = toClusterError(thrown)
    sendText(reply, 500, formatError(error, 500))
    return
  }
  await linger(reply, context)
  sendText(reply, 200, texts.length === 0 ? 'null\n' : `[${texts.join(',')}]\n`)
}

/** Throws away what is left of an upload; see `discardBody`. */
export function linger(reply: FastifyReply, { clock }: ReplyContext): Promise<void> {
  return discardBody(reply.request.raw, reply.raw, clock)
}
