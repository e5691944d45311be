import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { ClusterError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { sendWireError, type WireErrorFormat } from './wire-errors.ts'

/** Requests of one connection that may wait for the answers to those before them. Well-behaved clients send none ahead. */
export const PIPELINED_MAX = 64
/** How long the rest of a body is waited for behind an answer that did not need it. */
const REST_OF_BODY_MS = 2000

/** What a connection is doing. */
class Turn {
  readonly waiting: (() => void)[] = []
  /** The answer under way. */
  response: ServerResponse | undefined
  requests = 0
  isOver = false
}

const turns = new WeakMap<Duplex, Turn>()

/** The answer that a connection is waiting for, if any. */
export function answerUnderWay(connection: Duplex): ServerResponse | undefined {
  return turns.get(connection)?.response
}

/** How many requests came on a connection. */
export function requestsOf(connection: Duplex): number {
  return turns.get(connection)?.requests ?? 0
}

/**
 * Hands over the requests of a connection one at a time. HTTP allows to send many before the first answer; begun all at
 * once, the answers to a few kilobytes of requests would fill the memory of a server whose client does not read. A
 * client that sends too many ahead gets a 429, one that does not end a body that nobody reads is cut off behind the
 * answer, and a request without one `Host` is refused.
 */
export function inTurn(
  onRequest: RequestListener,
  { clock, format }: { readonly clock: Clock; readonly format: WireErrorFormat },
): RequestListener {
  const begin = (turn: Turn, request: IncomingMessage, response: ServerResponse) => {
    turn.response = response
    response.once('close', () => {
      turn.response = undefined
      if (!request.complete && !request.socket.destroyed) cutLater(request, clock)
      turn.waiting.shift()?.()
    })
    onRequest(request, response)
  }
  return (request, response) => {
    const { socket } = request
    const turn = turns.get(socket) ?? new Turn()
    if (turn.requests === 0) turns.set(socket, turn)
    turn.requests += 1
    if (turn.isOver) return
    const fault = hostFault(request) ?? (turn.waiting.length < PIPELINED_MAX ? undefined : TOO_MANY)
    if (fault !== undefined) {
      turn.isOver = true
      sendWireError(response, fault, format)
    } else if (turn.response === undefined && turn.waiting.length === 0) begin(turn, request, response)
    else turn.waiting.push(() => begin(turn, request, response))
  }
}

const TOO_MANY = new ClusterError(
  'RATE_LIMITED',
  `more than ${PIPELINED_MAX} requests were sent ahead of their answers: wait for answers, or use more connections`,
)
const NO_HOST = new ClusterError('INVALID_ARGUMENT', 'missing required Host header')
const TWO_HOSTS = new ClusterError('INVALID_ARGUMENT', 'the request has more than one Host header')

/** RFC 9112, 3.2: exactly one `Host`, which only HTTP/1.0 may leave out. */
function hostFault({ rawHeaders, headers, httpVersion }: IncomingMessage): ClusterError | undefined {
  if (headers.host === undefined) return httpVersion === '1.0' ? undefined : NO_HOST
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1
  }
  return hosts > 1 ? TWO_HOSTS : undefined
}

/** Gives a client some time to send the rest of a body, which is thrown away, and then cuts the connection. */
function cutLater(request: IncomingMessage, clock: Clock): void {
  const { socket } = request
  request.resume()
  const limit = clock.schedule(REST_OF_BODY_MS, () => socket.destroy())
  request.once('close', () => limit[Symbol.dispose]())
  request.once('end', () => limit[Symbol.dispose]())
}
