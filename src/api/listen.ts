import { once } from 'node:events'
import { unlink } from 'node:fs/promises'
import http, { type RequestListener } from 'node:http'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import { ClusterError, messageOf } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { type ApiAddress, formatTcpAddress } from './address.ts'
import { limitConnections } from './connection-budget.ts'
import { answerUnderWay, inTurn, requestsOf } from './in-turn.ts'
import { readTls, type TlsFiles, watchTls } from './tls-files.ts'
import { watchTlsClients } from './tls-refusals.ts'
import { answerWireErrors, type WireErrorFormat } from './wire-errors.ts'

/** Limits of an HTTP server, and its certificate. */
export interface ListenConfig {
  readonly listen: readonly ApiAddress[]
  readonly tls: TlsFiles | undefined
  readonly readTimeoutMs: number
  readonly readHeaderTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxHeaderBytes: number
}

/** What the reference's HTTP library grants above the configured bound. */
const HEADER_BYTES_GRANTED = 4096
const CHECK_CONNECTIONS_MS = 1000

/** What servers are opened with. */
export interface ListenParts {
  readonly clock: Clock
  readonly logger: Logger
  /** The document of an error that no route can tell: the request is not HTTP, too long or too slow. */
  readonly formatWireError: WireErrorFormat
}

/** Servers on every configured address, with one listener for requests. Disposing them cuts open connections. */
export interface Listeners extends AsyncDisposable {
  /** Multiaddrs with the ports that were really taken. */
  readonly addresses: readonly string[]
  /** Serves a connection that came another way. */
  accept(connection: Duplex): void
  /** Takes no more connections and closes those without a request. */
  stopAccepting(): void
}

/**
 * Listens on every address. Throws `CONFLICT` when an address is in use, `CONFIG_INVALID` when it cannot be listened on or
 * the certificate cannot be read; then nothing stays open.
 */
export async function listenOnAll(
  parts: ListenParts,
  config: ListenConfig,
  setting: string,
  onRequest: RequestListener,
): Promise<Listeners> {
  await using opened = new AsyncDisposableStack()
  const servers: http.Server[] = []
  const renew = (options: SecureContextOptions) => {
    for (const server of servers) if (server instanceof https.Server) server.setSecureContext(options)
  }
  if (config.tls !== undefined) opened.use(await watchTls(parts, config.tls, renew))
  const tls = config.tls === undefined ? undefined : await readTls(config.tls)
  const addresses: string[] = []
  let isOpen = true
  for (const address of config.listen) {
    const server = createServer(parts, config, tls, onRequest)
    limitConnections(server, parts)
    opened.defer(() => close(server))
    await listen(server, address, setting)
    servers.push(server)
    addresses.push(addressOf(server, address))
  }
  // It listens nowhere; without TLS, since such connections are secure by themselves.
  const inner = createServer(parts, config, undefined, onRequest)
  const accepted = new Set<Duplex>()
  opened.defer(() => {
    for (const connection of accepted) connection.destroy()
  })
  const all = opened.move()
  return {
    addresses,
    accept(connection) {
      if (isOpen) {
        accepted.add(connection)
        connection.once('close', () => accepted.delete(connection))
        watchIdle(connection, parts.clock, config)
        inner.emit('connection', connection)
      } else connection.destroy()
    },
    stopAccepting() {
      isOpen = false
      for (const server of servers) {
        server.close()
        server.closeIdleConnections()
      }
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

function createServer(
  parts: ListenParts,
  config: ListenConfig,
  tls: SecureContextOptions | undefined,
  onRequest: RequestListener,
): http.Server {
  const { readHeaderTimeoutMs, readTimeoutMs } = config
  const options = {
    maxHeaderSize: config.maxHeaderBytes + HEADER_BYTES_GRANTED,
    // The library refuses a head that may take longer than the whole.
    headersTimeout: readTimeoutMs === 0 ? readHeaderTimeoutMs : Math.min(readHeaderTimeoutMs, readTimeoutMs),
    // 0 = none: an upload takes as long as it takes. What bounds it is the idle time-out.
    requestTimeout: readTimeoutMs,
    keepAliveTimeout: config.idleTimeoutMs,
    connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
    noDelay: true,
    requireHostHeader: false,
  }
  // A certificate is one credential among others: who has none may have a password.
  const asking = { requestCert: config.tls?.clientCaFile !== undefined, rejectUnauthorized: false }
  const handshake = readHeaderTimeoutMs === 0 ? {} : { handshakeTimeout: readHeaderTimeoutMs }
  const format = parts.formatWireError
  const listener = inTurn(onRequest, { clock: parts.clock, format })
  const server =
    tls === undefined
      ? http.createServer(options, listener)
      : https.createServer({ ...options, ...tls, ...asking, ...handshake }, listener)
  answerWireErrors(server, format, answerUnderWay)
  if (server instanceof https.Server) watchTlsClients(server, parts)
  server.setTimeout(config.idleTimeoutMs, socket => {
    // As long as an answer is being made nothing may go over the connection; one that is not taken off it is another matter.
    if (answerUnderWay(socket) === undefined || socket.writableLength > 0) socket.destroy()
  })
  return server
}

/** Ends a connection without a socket of its own, which servers do not watch, when nothing is asked on it for the idle time-out. */
function watchIdle(connection: Duplex, clock: Clock, config: ListenConfig): void {
  const { readHeaderTimeoutMs, idleTimeoutMs } = config
  let before = 0
  let limit: Disposable | undefined
  const check = () => {
    const requests = requestsOf(connection)
    if (requests === before && answerUnderWay(connection) === undefined) connection.destroy()
    else if (idleTimeoutMs > 0) limit = clock.schedule(idleTimeoutMs, check)
    before = requests
  }
  const firstMs = readHeaderTimeoutMs || idleTimeoutMs
  if (firstMs > 0) limit = clock.schedule(firstMs, check)
  connection.once('close', () => limit?.[Symbol.dispose]())
}

async function listen(server: http.Server, address: ApiAddress, setting: string): Promise<void> {
  const target = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }
  try {
    await attempt(server, target)
  } catch (thrown) {
    const isStale = address.kind === 'unix' && isInUse(thrown) && !(await isAnswered(address.path))
    if (!isStale) throw toListenError(thrown, address, setting)
    // A socket file that nobody serves was left by a process that was killed.
    await unlink(address.path)
    await attempt(server, target)
  }
}

async function attempt(server: http.Server, target: net.ListenOptions): Promise<void> {
  server.listen(target)
  await once(server, 'listening')
}

function isInUse(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE'
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = net.connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ECONNREFUSED') return false
    throw thrown
  } finally {
    socket.destroy()
  }
}

function toListenError(cause: unknown, address: ApiAddress, setting: string): ClusterError {
  if (isInUse(cause)) {
    return new ClusterError(
      'CONFLICT',
      `the address ${address.text} is in use: stop the program that listens there, or set ${setting} to another one`,
      { cause },
    )
  }
  return new ClusterError(
    'CONFIG_INVALID',
    `cannot listen on ${address.text}: ${messageOf(cause)}; set ${setting} to an address of this machine`,
    { cause },
  )
}

function addressOf(server: http.Server, address: ApiAddress): string {
  if (address.kind === 'unix') return `/unix${address.path}`
  return formatTcpAddress(address.host, (server.address() as AddressInfo).port)
}

async function close(server: http.Server): Promise<void> {
  if (server.listening) server.close()
  server.closeAllConnections()
  // "close" was sent already when accepting stopped before and no connection was left.
  if (await hasConnections(server)) await once(server, 'close')
}

function hasConnections(server: http.Server): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count > 0) : reject(error)))
  })
}
