import { resolve } from 'node:path'
import { type Static, Type } from 'typebox'
import { ClusterError, messageOf } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting, oneOrManySetting, toList } from '../lib/schema.ts'
import { type PeerId, parsePeerId } from '../model/peer.ts'
import { type ApiAddress, parseApiAddress } from './address.ts'
import type { GateConfig } from './auth.ts'
import { exposureFault } from './auth-exposure.ts'
import type { TlsFiles } from './tls-files.ts'

const MAX_HEADER_BYTES = 4096
/** Some 25 days, the longest that the HTTP library waits: as good as no bound. */
const IDLE_MS_MAX = 2 ** 31 - 1

/** Section `api.restapi` of service.json. */
export const restApiSchema = Type.Object({
  http_listen_multiaddress: oneOrManySetting(
    ['/ip4/127.0.0.1/tcp/9094'],
    'Where the REST API listens: one multiaddr or a list; /unix/<path> is a socket file',
  ),
  ssl_cert_file: Type.String({
    default: '',
    description:
      'PEM file with the TLS certificate, relative to the configuration folder; empty = plain HTTP',
  }),
  ssl_key_file: Type.String({ default: '', description: 'PEM file with the key of the TLS certificate' }),
  read_timeout: durationSetting('0s', 'Bound for reading a whole request, uploads included; 0s = none'),
  read_header_timeout: durationSetting('5s', 'Bound for reading the head of a request'),
  write_timeout: durationSetting('0s', 'Bound for a whole answer; 0s = none'),
  idle_timeout: durationSetting(
    '2m0s',
    'How long a connection may be idle: between requests, inside an upload, or while a client does not read; 0s = no bound',
  ),
  max_header_bytes: Type.Integer({
    default: MAX_HEADER_BYTES,
    minimum: 0,
    description:
      'Bound for the head of a request, to which 4096 bytes are added; at least 4096, 0 = that. GET /pins?cids= needs more for long lists',
  }),
  libp2p_listen_multiaddress: Type.Union([Type.String(), Type.Array(Type.String())], {
    default: '',
    description: 'A libp2p host of its own is not supported: leave it empty, see libp2p_callers',
  }),
  id: Type.String({
    default: '',
    description: 'A libp2p host of its own is not supported: leave it empty, see libp2p_callers',
  }),
  private_key: Type.String({
    default: '',
    description: 'A libp2p host of its own is not supported: leave it empty, see libp2p_callers',
  }),
  basic_auth_credentials: Type.Union(
    [Type.Null(), Type.Record(Type.String(), Type.String(), { minProperties: 1 })],
    {
      default: null,
      description: 'User → password; users may do everything. null = there are none: see anonymous_scope',
    },
  ),
  anonymous_scope: Type.Union(
    [
      Type.Literal(''),
      Type.Literal('none'),
      Type.Literal('read'),
      Type.Literal('pin'),
      Type.Literal('admin'),
    ],
    {
      default: '',
      description:
        'What callers without credentials may do: none, read, pin or admin. Empty = none where users or client certificates are ' +
        'configured, else admin, and then only loopback addresses and socket files may be listened on',
    },
  ),
  libp2p_callers: Type.Record(
    Type.String(),
    Type.Union([Type.Literal('read'), Type.Literal('pin'), Type.Literal('admin')]),
    {
      default: {},
      description:
        'Peer id → what its holder may do who asks over the network of the cluster (cluster-ctl --identity --secret): read, pin or ' +
        'admin. Empty = the API is not served there',
    },
  ),
  ssl_client_ca_file: Type.String({
    default: '',
    description:
      'PEM file with the authorities whose client certificates are credentials; needs ssl_cert_file. Certificates stay optional',
  }),
  ssl_client_scope: Type.Union([Type.Literal('read'), Type.Literal('pin'), Type.Literal('admin')], {
    default: 'admin',
    description: 'What callers with such a certificate may do: read, pin or admin',
  }),
  http_log_file: Type.String({ default: '', description: 'Access logs are not supported: leave it empty' }),
  headers: Type.Record(Type.String(), Type.Array(Type.String()), {
    default: {},
    description: 'Additional headers of every answer: name → values',
  }),
  cors_allowed_origins: Type.Array(Type.String(), {
    default: ['*'],
    description: 'Origins whose pages may read answers; one * in each is a wildcard; empty = all',
  }),
  cors_allowed_methods: Type.Array(Type.String(), {
    default: ['GET'],
    description: 'Methods that pages of other origins may use; empty = GET, POST, HEAD',
  }),
  cors_allowed_headers: Type.Array(Type.String(), {
    default: [],
    description:
      'Request headers that pages of other origins may send; empty = accept, content-type, x-requested-with',
  }),
  cors_exposed_headers: Type.Array(Type.String(), {
    default: ['Content-Type', 'X-Stream-Output', 'X-Chunked-Output', 'X-Content-Length'],
    description: 'Answer headers that pages of other origins may read',
  }),
  cors_allow_credentials: Type.Boolean({
    default: true,
    description: 'Whether pages of other origins may send credentials',
  }),
  cors_max_age: durationSetting('0s', 'How long browsers may remember a preflight answer; 0s = not said'),
})
/** Section `api.restapi` of service.json. */
export type RestApiSection = Static<typeof restApiSchema>

/** Who may read answers from a page of another origin. */
export interface CorsConfig {
  readonly allowedOrigins: readonly string[]
  readonly allowedMethods: readonly string[]
  readonly allowedHeaders: readonly string[]
  readonly exposedHeaders: readonly string[]
  readonly isCredentialsAllowed: boolean
  readonly maxAgeMs: number
}

/** How the REST API is served. */
export interface RestApiConfig {
  readonly listen: readonly ApiAddress[]
  /** Undefined = plain HTTP. */
  readonly tls: TlsFiles | undefined
  readonly readTimeoutMs: number
  readonly readHeaderTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxHeaderBytes: number
  readonly gate: GateConfig
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly cors: CorsConfig
}

/**
 * The settings of the REST API. File names are relative to `configFolder`. Throws `CONFIG_INVALID` for what the schema
 * cannot see: wrong addresses, half of a TLS pair, settings of parts that do not exist here.
 */
export function toRestApiConfig(section: RestApiSection, configFolder = '.'): RestApiConfig {
  return toHttpConfig(section, configFolder, { section: 'api.restapi', prefix: 'CLUSTER_RESTAPI' })
}

/** Where the settings of an API stand: its section, and how the names of its environment variables begin. */
export interface ConfigPlace {
  readonly section: string
  readonly prefix: string
}

/** The settings of an API that is served as the REST API is; see `toRestApiConfig`. */
export function toHttpConfig(
  section: RestApiSection,
  configFolder: string,
  place: ConfigPlace,
): RestApiConfig {
  const refuse = (key: string, why: string): never => {
    throw new ClusterError('CONFIG_INVALID', `${place.section}.${key}: ${why}`)
  }
  refuseUnsupported(section, refuse)
  const { max_header_bytes: maxHeaderBytes } = section
  if (maxHeaderBytes !== 0 && maxHeaderBytes < MAX_HEADER_BYTES)
    refuse('max_header_bytes', 'it must be at least 4096')
  const listen = toList(section.http_listen_multiaddress).map(text => toListenAddress(text, refuse))
  const isDecided = hasCredentials(section) || section.anonymous_scope !== ''
  const exposed = exposureFault({ listen, isDecided, ...place })
  if (exposed !== undefined) refuse('http_listen_multiaddress', exposed)
  return {
    listen,
    tls: toTlsFiles(section, configFolder, refuse),
    readTimeoutMs: parseDuration(section.read_timeout),
    readHeaderTimeoutMs: parseDuration(section.read_header_timeout),
    writeTimeoutMs: parseDuration(section.write_timeout),
    idleTimeoutMs: toIdleTimeoutMs(section.idle_timeout),
    maxHeaderBytes: Math.max(MAX_HEADER_BYTES, maxHeaderBytes),
    gate: toGateConfig(section, refuse),
    headers: section.headers,
    cors: {
      allowedOrigins: section.cors_allowed_origins,
      allowedMethods: section.cors_allowed_methods,
      allowedHeaders: section.cors_allowed_headers,
      exposedHeaders: section.cors_exposed_headers,
      isCredentialsAllowed: section.cors_allow_credentials,
      maxAgeMs: parseDuration(section.cors_max_age),
    },
  }
}

/** An idle time-out, where 0 is no bound: whoever waits by it would not wait at all. */
export function toIdleTimeoutMs(duration: string): number {
  return Math.min(parseDuration(duration) || IDLE_MS_MAX, IDLE_MS_MAX)
}

function hasCredentials(section: RestApiSection): boolean {
  return section.basic_auth_credentials !== null || section.ssl_client_ca_file !== ''
}

function toCaller(text: string, refuse: Refuse): PeerId {
  try {
    return parsePeerId(text)
  } catch (cause) {
    return refuse('libp2p_callers', messageOf(cause))
  }
}

function toGateConfig(section: RestApiSection, refuse: Refuse): GateConfig {
  const { anonymous_scope: said } = section
  const meant = said === '' ? (hasCredentials(section) ? 'none' : 'admin') : said
  return {
    basicAuth: section.basic_auth_credentials ?? undefined,
    anonymousScope: meant === 'none' ? undefined : meant,
    certificateScope: section.ssl_client_scope,
    peerScopes: new Map(
      Object.entries(section.libp2p_callers).map(([peer, scope]) => [toCaller(peer, refuse), scope]),
    ),
  }
}

function toTlsFiles(section: RestApiSection, configFolder: string, refuse: Refuse): TlsFiles | undefined {
  const { ssl_cert_file: cert, ssl_key_file: key, ssl_client_ca_file: clientCa } = section
  if ((cert === '') !== (key === ''))
    refuse('ssl_cert_file', 'ssl_cert_file and ssl_key_file go together: set both or none')
  if (cert === '' && clientCa !== '')
    refuse('ssl_client_ca_file', 'client certificates need TLS: set ssl_cert_file and ssl_key_file as well')
  if (cert === '') return undefined
  return {
    certFile: resolve(configFolder, cert),
    keyFile: resolve(configFolder, key),
    clientCaFile: clientCa === '' ? undefined : resolve(configFolder, clientCa),
  }
}

type Refuse = (key: string, why: string) => never

function refuseUnsupported(section: RestApiSection, refuse: Refuse): void {
  const libp2p = [section.libp2p_listen_multiaddress, section.id, section.private_key]
  if (libp2p.some(value => value.length > 0)) {
    refuse(
      'libp2p_listen_multiaddress',
      'a libp2p host of its own is not supported: remove libp2p_listen_multiaddress, id and private_key; libp2p_callers serves the API on the network of the cluster',
    )
  }
  if (section.http_log_file !== '') {
    refuse(
      'http_log_file',
      'access logs are not supported: remove it, and set the log level of the API to debug',
    )
  }
}

function toListenAddress(text: string, refuse: Refuse): ApiAddress {
  try {
    return parseApiAddress(text)
  } catch (cause) {
    return refuse('http_listen_multiaddress', messageOf(cause))
  }
}
