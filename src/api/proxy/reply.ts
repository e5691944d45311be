import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { messageOf } from '../../errors.ts'
import { pagesOf } from '../../lib/pages.ts'
import { STREAM_ERROR } from '../replies.ts'
import { discardBody } from '../request-body.ts'
import { DocumentWriter, toHeaderText } from '../stream-reply.ts'
import { hasBody } from './forward.ts'
import { type PaceContext, PacedWriter } from './paced-writer.ts'

/** The document of an error in Kubo's form. */
export function kuboError(message: string): string {
  return JSON.stringify({ Message: message, Code: 0, Type: 'error' })
}

/** An answer in the form in which Kubo's RPC gives it: one document without a line end, or one a line with a trailer. */
export class KuboReply {
  readonly response: ServerResponse
  readonly #headers: OutgoingHttpHeaders
  readonly #context: PaceContext

  constructor(response: ServerResponse, headers: OutgoingHttpHeaders, context: PaceContext) {
    this.response = response
    this.#headers = { ...headers, 'content-type': 'application/json' }
    this.#context = context
  }

  /** Adds a header, or replaces it. */
  setHeader(name: string, value: string): void {
    this.#headers[name.toLowerCase()] = value
  }

  async sendJson(document: unknown): Promise<void> {
    await this.sendText(200, JSON.stringify(document))
  }

  /** Kubo answers every refusal of a command with 500. */
  async sendError(thrown: unknown, status = 500): Promise<void> {
    await this.sendText(status, kuboError(messageOf(thrown)))
  }

  /** The whole answer at once. Ends only when the rest of the upload is read: ending would cut a client that writes. */
  async sendText(status: number, text: string): Promise<void> {
    const { response } = this
    const bytes = Buffer.from(text)
    response.writeHead(status, { ...this.#headers, 'content-length': bytes.length }).write(bytes)
    if (hasBody(response.req)) await discardBody(response.req, response, this.#context.clock)
    response.end()
  }

  /** Begins an answer whose length is not known. */
  openBody(): PacedWriter {
    this.response.writeHead(200, this.#headers)
    return new PacedWriter(this.response, this.#context)
  }

  /** Sends bytes as they come, the head with the first of them; what fails later is told in the trailer. */
  async sendBytes(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const chunks = source[Symbol.asyncIterator]()
    let next = await chunks.next()
    this.#headers['content-type'] = 'application/octet-stream'
    this.#headers['x-stream-output'] = '1'
    if (this.#hasTrailers) this.#headers['trailer'] = STREAM_ERROR
    const writer = this.openBody()
    let failure = ''
    try {
      while (next.done !== true) {
        await writer.write(next.value, signal)
        next = await chunks.next()
      }
    } catch (thrown) {
      failure = messageOf(thrown)
    } finally {
      if (next.done !== true) await chunks.return?.()
    }
    this.#end(failure)
  }

  /** Begins an answer of one document a line. The head goes out at once. */
  openLines(headers: Readonly<Record<string, string>> = {}): DocumentWriter {
    const trailer = this.#hasTrailers ? { trailer: STREAM_ERROR } : {}
    this.response.writeHead(200, { ...this.#headers, ...headers, ...trailer })
    this.response.flushHeaders()
    return new DocumentWriter(this.response, this.#context.clock, this.#context.idleTimeoutMs)
  }

  /** Ends an answer of lines; the text, if any, says in the trailer what went wrong. */
  endLines(writer: DocumentWriter, error = ''): void {
    writer.flush()
    this.#end(error)
  }

  /** Trailers need chunks, which HTTP/1.0 does not have. */
  get #hasTrailers(): boolean {
    return this.response.req.httpVersion === '1.1'
  }

  #end(error: string): void {
    const { response } = this
    if (response.destroyed) return
    // Without a trailer only a cut tells that something is missing.
    if (error !== '' && !this.#hasTrailers) response.destroy()
    else if (error !== '') response.addTrailers([[STREAM_ERROR, toHeaderText(error)]])
    response.end()
  }

  /** Sends documents as lines as they come; what fails is told in the trailer. `before` is awaited before the end. */
  async sendLines(
    documents: AsyncIterable<unknown>,
    signal: AbortSignal,
    before = async (): Promise<void> => undefined,
  ): Promise<void> {
    const writer = this.openLines()
    let failure = ''
    try {
      for await (const page of pagesOf(documents)) {
        for (const document of page) if (!writer.write(JSON.stringify(document))) await writer.hasRoom(signal)
        signal.throwIfAborted()
      }
    } catch (thrown) {
      failure = messageOf(thrown)
    }
    writer.flush()
    await before()
    this.endLines(writer, failure)
  }
}
