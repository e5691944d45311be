import type { FastifyReply } from 'fastify'
import { formatJson } from '../../lib/json.ts'
import { pagesOf } from '../../lib/pages.ts'
import type { EventJson } from '../../model/event-json.ts'
import { openStream, type ReplyContext, setHeaders } from '../replies.ts'

/** An event is written as text once, however many read it. */
const texts = new WeakMap<EventJson, string>()

/**
 * Answers with server-sent events (WHATWG HTML 9.2) until the client leaves. One that does not read gets nothing more than
 * what the connection holds: it goes on from its place when it reads again, or is cut off after the idle time-out.
 */
export async function sendEvents(
  reply: FastifyReply,
  events: AsyncIterable<EventJson>,
  signal: AbortSignal,
  context: ReplyContext,
): Promise<void> {
  const iterator = pagesOf(events)[Symbol.asyncIterator]()
  // What is wrong with the question shows before the answer begins.
  let page = await iterator.next()
  setHeaders(reply, context)
  reply.header('Content-Type', 'text/event-stream').header('Cache-Control', 'no-cache')
  const writer = openStream(reply, { 'X-Accel-Buffering': 'no' }, context)
  try {
    while (page.done !== true) {
      for (const event of page.value) writer.write(textOf(event))
      await writer.hasRoom(signal)
      signal.throwIfAborted()
      page = await iterator.next()
    }
  } finally {
    await iterator.return?.()
  }
  writer.flush()
  reply.raw.end()
}

function textOf(event: EventJson): string {
  const text = texts.get(event) ?? `id: ${event.id}\nevent: ${event.kind}\ndata: ${formatJson(event)}\n`
  texts.set(event, text)
  return text
}
