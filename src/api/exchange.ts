import { lookup } from 'node:dns'
import { once } from 'node:events'
import http from 'node:http'
import type { LookupFunction } from 'node:net'
import type { Duplex } from 'node:stream'
import { ClusterError, messageOf } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import type { HostAddress } from './address.ts'

/** A connection to the HTTP API of a peer on the network of the cluster. Closing it closes everything that it took. */
export type ConnectPeer = (address: string, options: Options) => Promise<Duplex>

/** One HTTP request. */
export interface Ask {
  readonly method: string
  /** Path with query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  /** The whole body, or a stream of it that is read only once the connection stands. */
  readonly body?: string | AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
  readonly connectPeer?: ConnectPeer
  /** How a server with TLS is spoken to. */
  readonly tls: {
    readonly rejectUnauthorized: boolean
    readonly cert?: string
    readonly key?: string
    readonly ca?: string
  }
  /** Called with the number of body bytes sent so far. */
  readonly onSent?: (bytes: number) => void
}

/** The begin of an answer. */
export interface Answer {
  readonly response: http.IncomingMessage
  /** Ends the sending of a body that is still under way. */
  stopSending(): void
  /** What went wrong with the source of the body, if anything. */
  sourceFailure(): unknown
}

/** No connection within this time counts as a host that does not answer. */
const CONNECT_TIMEOUT_MS = 10_000

/** A host could not be reached, or the connection broke before an answer: the next host may be tried. */
export class ConnectionFailure extends ClusterError {
  /** Whether the request may have been taken in, at least in part. */
  readonly wasSent: boolean

  constructor(address: HostAddress, cause: unknown, wasSent: boolean, method = 'GET') {
    const reason = errorCodeOf(cause)
    const isAbsent = reason === 'ECONNREFUSED' || reason === 'ENOENT'
    const message = isAbsent
      ? `no daemon answers at ${address.text}: is it running? Start it with "cluster-service daemon" or "npm start"`
      : `the daemon at ${address.text} cannot be reached: ${meaningOf(reason) ?? messageOf(cause)}`
    const isUnclear = wasSent && method !== 'GET'
    const unclear = isUnclear ? '. It may have taken the request all the same: see how things are first' : ''
    super(isAbsent ? 'NOT_READY' : 'PEER_UNREACHABLE', message + unclear, { cause })
    this.wasSent = wasSent
  }
}

/** What an error code of sockets, TLS or HTTP says to people. */
function meaningOf(code: string | undefined): string | undefined {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its name is not known here (${code})`
  if (code === 'EPROTO') return `it does not speak TLS; for plain HTTP use http:// or --force-http (${code})`
  if (code?.startsWith('HPE_') === true)
    return `it does not speak HTTP; is that the port of the REST API, and without TLS? (${code})`
  return code
}

function errorCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : undefined
}

/** Sends a request and waits for the head of the answer. Throws `ConnectionFailure`, or the signal's reason. */
export async function exchange(address: HostAddress, ask: Ask): Promise<Answer> {
  ask.signal.throwIfAborted()
  const request = await openRequest(address, ask)
  let wasSent = false
  const stopSending = new AbortController()
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', reject)
    request.once('timeout', () => request.destroy(new Error('no connection within 10 s')))
    request.once('close', () => {
      stopSending.abort()
      reject(new Error('the connection was closed without an answer'))
    })
  })
  request.once('socket', socket => {
    const onConnect = () => {
      wasSent = true
      socket.setTimeout(0)
    }
    if (socket.connecting)
      socket.once(address.kind === 'tcp' && address.isTls ? 'secureConnect' : 'connect', onConnect)
    else onConnect()
  })
  let sourceFailure: unknown
  send(request, ask, stopSending.signal).catch((thrown: unknown) => {
    // A source that fails must not leave the request hanging.
    sourceFailure = thrown
    request.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)))
  })
  try {
    const response = await answered
    return { response, stopSending: () => stopSending.abort(), sourceFailure: () => sourceFailure }
  } catch (thrown) {
    stopSending.abort()
    if (ask.signal.aborted) throw ask.signal.reason
    throw sourceFailure ?? new ConnectionFailure(address, thrown, wasSent, ask.method)
  }
}

async function openRequest(address: HostAddress, ask: Ask): Promise<http.ClientRequest> {
  const { method, headers, signal } = ask
  const common = { method, headers, signal, timeout: CONNECT_TIMEOUT_MS }
  if (address.kind === 'unix') return http.request({ ...common, socketPath: address.path, path: ask.target })
  if (address.kind === 'p2p') return openOverPeers(address, ask, { method, headers, signal })
  const { host, port, prefix, family } = address
  const within = family === undefined ? {} : { lookup: lookupWithin(family) }
  const to = { ...common, ...within, host, port, path: prefix + ask.target }
  if (!address.isTls) return http.request(to)
  const https = await import('node:https')
  return https.request({ ...to, ...ask.tls })
}

/** All addresses of a name in one family: Node then tries one after the other. */
function lookupWithin(family: 4 | 6): LookupFunction {
  return (host, options, callback) => lookup(host, { ...options, family }, callback)
}

async function openOverPeers(
  address: Extract<HostAddress, { kind: 'p2p' }>,
  { connectPeer, target, signal }: Ask,
  common: http.RequestOptions,
): Promise<http.ClientRequest> {
  if (connectPeer === undefined) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `"${address.text}" is a libp2p address, which this program cannot connect to: give the HTTP address, such as /ip4/127.0.0.1/tcp/9094`,
    )
  }
  const connection = await connectPeer(address.text, { signal }).catch((thrown: unknown) => {
    throw thrown instanceof ClusterError && thrown.code === 'PEER_UNREACHABLE'
      ? new ConnectionFailure(address, thrown, false)
      : thrown
  })
  // One request, one stream: the server ends it behind the answer.
  return http.request({ ...common, path: target, createConnection: () => connection })
}

async function send(request: http.ClientRequest, ask: Ask, stop: AbortSignal): Promise<void> {
  if (ask.body === undefined || typeof ask.body === 'string') {
    request.end(ask.body)
    return
  }
  request.flushHeaders()
  if (!(await isConnected(request, stop))) return
  let sentBytes = 0
  for await (const chunk of ask.body) {
    if (stop.aborted || request.destroyed) return
    const hasRoom = request.write(chunk)
    sentBytes += chunk.length
    ask.onSent?.(sentBytes)
    if (!hasRoom && !(await happens(request, 'drain', stop))) return
  }
  request.end()
}

async function isConnected(request: http.ClientRequest, stop: AbortSignal): Promise<boolean> {
  if (request.socket === null && !(await happens(request, 'socket', stop))) return false
  return request.socket?.connecting !== true || happens(request.socket, 'connect', stop)
}

/** Whether the event comes before the signal is aborted. */
async function happens(emitter: NodeJS.EventEmitter, event: string, stop: AbortSignal): Promise<boolean> {
  try {
    await once(emitter, event, { signal: stop })
    return true
  } catch (thrown) {
    if (stop.aborted || emitter instanceof http.ClientRequest) return false
    throw thrown
  }
}
