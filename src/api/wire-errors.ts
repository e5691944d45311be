import type { Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { ClusterError } from '../errors.ts'

/** The document of an error whose HTTP status is given. */
export type WireErrorFormat = (error: ClusterError, status: number) => string

/** What the HTTP parser complains of → status line, code and text. Everything else is a 400. */
const FAULTS: Readonly<Record<string, readonly [status: number, phrase: string, error: ClusterError]>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    'Request Header Fields Too Large',
    new ClusterError(
      'TOO_LARGE',
      'the head of the request is too long: max_header_bytes of the configuration bounds it',
    ),
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [
    413,
    'Payload Too Large',
    new ClusterError('TOO_LARGE', 'the extensions of a chunk are too long'),
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    'Request Timeout',
    new ClusterError('TIMEOUT', 'the request did not come in time'),
  ],
}

/** Answers a request that does not get as far as a route, and ends its connection. */
export function sendWireError(
  response: ServerResponse,
  error: ClusterError,
  format: WireErrorFormat,
  status = error.status,
): void {
  const body = Buffer.from(format(error, status))
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    Connection: 'close',
  })
  response.end(body)
}

/**
 * Answers what is no HTTP, too long or too slow with the document of an error, where the answer to another request is not under
 * way on the connection, and closes it.
 */
export function answerWireErrors(
  server: Server,
  format: WireErrorFormat,
  answerOn: (connection: Duplex) => ServerResponse | undefined,
): void {
  server.on('clientError', (thrown: NodeJS.ErrnoException, connection) => {
    if (!connection.writable || thrown.code === 'ECONNRESET' || answerOn(connection)?.headersSent === true) {
      connection.destroy()
      return
    }
    const [status, phrase, error] = FAULTS[thrown.code ?? ''] ?? [400, 'Bad Request', malformed(thrown)]
    const body = format(error, status)
    connection.end(
      `HTTP/1.1 ${status} ${phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${isHead(thrown) ? '' : body}`,
      () => connection.destroy(),
    )
  })
  server.on('checkExpectation', (_request, response) => {
    const error = new ClusterError('INVALID_ARGUMENT', 'only "Expect: 100-continue" can be met')
    sendWireError(response, error, format, 417)
  })
}

/** Whether what could not be read begins as a question for a head alone, to which a body would be the next answer. */
function isHead(thrown: Error): boolean {
  return (
    'rawPacket' in thrown &&
    thrown.rawPacket instanceof Uint8Array &&
    Buffer.from(thrown.rawPacket.subarray(0, 5)).toString('latin1') === 'HEAD '
  )
}

function malformed(cause: Error): ClusterError {
  const reason = 'reason' in cause && typeof cause.reason === 'string' ? cause.reason : cause.message
  return new ClusterError('INVALID_ARGUMENT', `this is not HTTP: ${reason}`, { cause })
}
