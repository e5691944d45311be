import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { ClusterError, CODES, type Code, codeOfStatus, messageOf } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import { timeLimit } from '../lib/clock.ts'
import { formatJson, parseJson } from '../lib/json.ts'
import { systemRandom } from '../lib/random.ts'
import type { AddEntry } from '../model/add.ts'
import { type HostAddress, type NamedHost, parseHostAddress } from './address.ts'
import { addressesOf, type LookUpTexts, lookUpTexts } from './dns-hosts.ts'
import { type Answer, type Ask, ConnectionFailure, type ConnectPeer, exchange } from './exchange.ts'
import { readLines, readText } from './read-lines.ts'
import { type Handlers, type Route, type Routes, routes } from './routes.ts'
import { encodeUpload } from './upload-body.ts'

/** Whom to ask, and how. */
export interface ClientConfig {
  /** Multiaddrs, URLs or names (`/dnsaddr/…`), tried in order when a host cannot be reached. */
  readonly hosts: readonly string[]
  /** `user:password`. */
  readonly basicAuth?: string
  /** API token; `basicAuth` is not sent then. */
  readonly token?: string
  /** PEM text of a client certificate and its key. */
  readonly certificate?: string
  /** PEM text of the authorities of the server's certificate, in the place of the usual ones. */
  readonly authorities?: string
  /** Connects to a host on the network of the cluster, by its multiaddr; without it such hosts are refused. */
  readonly connectPeer?: ConnectPeer
  /** Looks up names in DNS; without it the name servers of the machine are asked. */
  readonly lookUpTexts?: LookUpTexts
  /** Whether TLS certificates must be valid. Default true. */
  readonly isCertificateChecked?: boolean
  /** Bound of a whole call, milliseconds; 0 = none. */
  readonly timeoutMs: number
}

/** Goes last into every call. */
export interface CallOptions extends Options {
  /** Called with the number of bytes sent so far of an upload. */
  readonly onSent?: (bytes: number) => void
}

/**
 * The REST API as functions, one a route. Answers are the JSON documents of the wire. Failures are `ClusterError`s:
 * with `details.status` (an HTTP status) when a daemon answered with an error or ended a stream with one, without it
 * when none could be reached (`NOT_READY`, `PEER_UNREACHABLE`), it took too long (`TIMEOUT`) or the answer was cut.
 */
export type Client = Handlers<Routes, CallOptions>

interface AnyInput {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly entries?: AsyncIterable<AddEntry>
  readonly lines?: AsyncIterable<Uint8Array>
}

/** Bounds of what a client takes in. */
const REDIRECTS_MAX = 5

/** A client of the REST API. Nothing is sent before the first call. Throws `INVALID_ARGUMENT` for a wrong address. */
export function openClient(config: ClientConfig): Client {
  const addresses = config.hosts.map(parseHostAddress)
  if (addresses.length === 0)
    throw new ClusterError('INVALID_ARGUMENT', 'no host is given: name at least one')
  const calls = Object.entries(routes).map(([name, route]: [string, Route]) => {
    const open = (input: AnyInput, options: CallOptions) =>
      openAnswer(addresses, config, route, input, options)
    const call =
      route.streams === true
        ? (input: AnyInput, options: CallOptions) => documentsOf(open, input, options)
        : (input: AnyInput, options: CallOptions) => documentOf(open, input, options)
    return [name, call] as const
  })
  // The table gives each function its type; the calls are built from the same table.
  return Object.fromEntries(calls) as unknown as Client
}

type Open = (input: AnyInput, options: CallOptions) => Promise<OpenAnswer>
interface OpenAnswer extends Answer {
  readonly address: HostAddress
  readonly signal: AbortSignal
  readonly isEvents: boolean
  /** What to throw for an error that came up while reading. */
  toError(thrown: unknown): unknown
}

async function documentOf(open: Open, input: AnyInput, options: CallOptions): Promise<unknown> {
  const answer = await open(input, options)
  const { response } = answer
  const status = response.statusCode ?? 0
  const text = await readText(response).catch((thrown: unknown) => {
    throw answer.toError(thrown)
  })
  if (status === 202 || status === 204) return undefined
  if (response.headers['content-type']?.startsWith('text/html') === true) return text
  try {
    return parseJson(text)
  } catch (cause) {
    throw new ClusterError(
      'INTERNAL',
      `the answer of ${answer.address.text} is not JSON: ${messageOf(cause)}`,
      {
        cause,
        details: { status },
      },
    )
  }
}

async function* documentsOf(open: Open, input: AnyInput, options: CallOptions): AsyncIterable<unknown> {
  const answer = await open(input, options)
  const { response } = answer
  try {
    for await (const line of readLines(response)) {
      const text = answer.isEvents ? dataOf(line) : line
      if (text !== undefined) yield parseJson(text)
    }
    checkTrailers(response)
  } catch (thrown) {
    // A source of the upload that failed explains best why the answer broke off.
    throw answer.sourceFailure() ?? answer.toError(thrown)
  } finally {
    answer.stopSending()
    response.destroy()
  }
}

/** The document in a line of server-sent events. */
function dataOf(line: string): string | undefined {
  return line.startsWith('data: ') ? line.slice('data: '.length) : undefined
}

async function openAnswer(
  hosts: readonly NamedHost[],
  config: ClientConfig,
  route: Route,
  input: AnyInput,
  options: CallOptions,
): Promise<OpenAnswer> {
  const limit = config.timeoutMs > 0 ? timeLimit(config.timeoutMs) : undefined
  const signal = limit === undefined ? options.signal : AbortSignal.any([options.signal, limit])
  const ask = toAsk(config, route, input, options, signal)
  const toError = (address: HostAddress) => (thrown: unknown) => {
    if (limit?.aborted === true && !options.signal.aborted) {
      return new ClusterError(
        'TIMEOUT',
        `no whole answer from ${address.text} within ${config.timeoutMs / 1000} s`,
      )
    }
    if (signal.aborted) return options.signal.reason
    return thrown instanceof ClusterError || thrown instanceof SyntaxError
      ? thrown
      : new ClusterError('PEER_UNREACHABLE', `the answer of ${address.text} was cut short`, {
          cause: thrown,
        })
  }
  let failure: unknown
  for await (const found of eachAddress(hosts, config.lookUpTexts ?? lookUpTexts, signal)) {
    if (found instanceof ClusterError) {
      failure = found
      continue
    }
    const asError = toError(found)
    try {
      const answer = await follow(found, ask)
      await checkStatus(answer.response, route).catch((thrown: unknown) => {
        throw asError(thrown)
      })
      return { ...answer, address: found, signal, toError: asError, isEvents: route.isEvents === true }
    } catch (thrown) {
      // What is no ClusterError here came from the source of the upload.
      failure = signal.aborted ? asError(thrown) : thrown
      // What may have been taken as a change is asked of nobody else.
      const isNext = failure instanceof ConnectionFailure && !(failure.wasSent && route.method !== 'GET')
      if (!isNext) throw failure
    }
  }
  throw failure
}

/** Every address of every host, each when the one before it was tried; or why a host has none. */
async function* eachAddress(
  hosts: readonly NamedHost[],
  lookUp: LookUpTexts,
  signal: AbortSignal,
): AsyncGenerator<HostAddress | ClusterError> {
  for (const host of hosts) {
    try {
      yield* await addressesOf(host, lookUp, { signal })
    } catch (thrown) {
      if (!(thrown instanceof ClusterError)) throw thrown
      yield thrown
    }
  }
}

function toAsk(
  config: ClientConfig,
  route: Route,
  input: AnyInput,
  options: CallOptions,
  signal: AbortSignal,
): Ask {
  const { isCertificateChecked = true, certificate, authorities } = config
  // An upload is always answered as a stream: the array that stream-channels=false gives would have to be held whole.
  const query = input.entries === undefined ? input.query : { ...input.query, 'stream-channels': 'true' }
  const { body, type } = toBody(input)
  return {
    method: route.method,
    target: formatTarget(route, { ...input, ...(query === undefined ? {} : { query }) }),
    headers: {
      ...(type === undefined ? {} : { 'Content-Type': type }),
      // Node would send the body of a DELETE without saying how long it is.
      ...(typeof body === 'object' ? { 'Transfer-Encoding': 'chunked' } : {}),
      ...(body === undefined && route.method !== 'GET' ? { 'Content-Length': '0' } : {}),
      ...credentialsOf(config),
    },
    ...(body === undefined ? {} : { body }),
    signal,
    ...(config.connectPeer === undefined ? {} : { connectPeer: config.connectPeer }),
    tls: {
      rejectUnauthorized: isCertificateChecked,
      ...(certificate === undefined ? {} : { cert: certificate, key: certificate }),
      ...(authorities === undefined ? {} : { ca: authorities }),
    },
    ...(options.onSent === undefined ? {} : { onSent: options.onSent }),
  }
}

function credentialsOf({ token, basicAuth }: ClientConfig): Readonly<Record<string, string>> {
  if (token !== undefined) return { Authorization: `Bearer ${token}` }
  if (basicAuth === undefined) return {}
  return { Authorization: `Basic ${Buffer.from(basicAuth).toString('base64')}` }
}

/** What a call carries, and its type. */
function toBody({ entries, lines, body }: AnyInput): { readonly body?: Ask['body']; readonly type?: string } {
  if (lines !== undefined) return { body: lines, type: 'application/x-ndjson' }
  if (entries !== undefined) {
    const boundary = Buffer.from(systemRandom.bytes(24)).toString('hex')
    return { body: encodeUpload(entries, boundary), type: `multipart/form-data; boundary=${boundary}` }
  }
  return body === undefined ? {} : { body: formatJson(body), type: 'application/json' }
}

/** Path and query of a call: `:name` and `*` replaced by the percent-encoded parameters. */
function formatTarget(route: Route, input: AnyInput): string {
  const { params = {}, query = {} } = input
  const path = route.path
    .replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
    .replace('*', () => (params['path'] ?? '').split('/').map(encodeURIComponent).join('/'))
  const said = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return said.length === 0 ? path : `${path}?${new URLSearchParams(said).toString()}`
}

async function follow(address: HostAddress, ask: Ask): Promise<Answer> {
  let target = ask.target
  for (let hops = 0; ; hops++) {
    const answer = await exchange(address, { ...ask, target })
    const { statusCode: status = 0, headers } = answer.response
    const isRedirect = [301, 302, 307, 308].includes(status) && typeof ask.body !== 'object'
    if (!isRedirect || headers.location?.startsWith('/') !== true) return answer
    answer.response.resume()
    if (hops >= REDIRECTS_MAX || headers.location === target) {
      throw new ClusterError('INTERNAL', `${address.text} redirects in a circle`, { details: { status } })
    }
    target = headers.location
  }
}

async function checkStatus(response: IncomingMessage, route: Route): Promise<void> {
  const status = response.statusCode ?? 0
  const isGood =
    status === 204 ||
    (status === 202 && route.streams !== true) ||
    (status === 200 && route.reply !== undefined)
  if (!isGood) throw toReplyError(status, await readText(response))
}

/** The error that an answer tells: our code when the server says one, else the nearest to the status. */
function toReplyError(status: number, text: string): ClusterError {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    const shown =
      text.trim() === '' ? `the daemon answered with status ${status}` : text.trim().slice(0, 2000)
    return new ClusterError(codeOf(status, undefined), shown, { cause, details: { status } })
  }
  const { code, message, reason } = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as {
    readonly [member: string]: unknown
  }
  const shown = typeof message === 'string' && message !== '' ? message : text.trim().slice(0, 2000)
  const saidStatus = typeof code === 'number' && code > 0 ? code : status
  return new ClusterError(codeOf(saidStatus, reason), shown, { details: { status: saidStatus } })
}

function codeOf(status: number, reason: unknown): Code {
  const isKnown = typeof reason === 'string' && Object.hasOwn(CODES, reason)
  return isKnown ? (reason as Code) : codeOfStatus(status)
}

/** A stream that ended with an error says so in its trailers, whether they were announced or not. */
function checkTrailers(response: IncomingMessage): void {
  const errors: string[] = []
  const { rawTrailers } = response
  for (let at = 0; at + 1 < rawTrailers.length; at += 2) {
    const value = Buffer.from(rawTrailers[at + 1] ?? '', 'latin1').toString('utf8')
    if (rawTrailers[at]?.toLowerCase() === 'x-stream-error' && value !== '') errors.push(value)
  }
  if (errors.length > 0) throw new ClusterError('INTERNAL', errors.join('; '), { details: { status: 500 } })
}
