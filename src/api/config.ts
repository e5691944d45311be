import { resolve } from 'node:path'
import { type Static, Type } from 'typebox'
import { ClusterError, messageOf } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting, oneOrManySetting, toList } from '../lib/schema.ts'
import { type ApiAddress, parseApiAddress } from './address.ts'

const MAX_HEADER_BYTES = 4096

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
    'How long a connection may be idle: between requests, inside an upload, or while a client does not read',
  ),
  max_header_bytes: Type.Integer({
    default: MAX_HEADER_BYTES,
    minimum: 0,
    description:
      'Bound for the head of a request, to which 4096 bytes are added; at least 4096, 0 = that. GET /pins?cids= needs more for long lists',
  }),
  libp2p_listen_multiaddress: Type.Union([Type.String(), Type.Array(Type.String())], {
    default: '',
    description: 'HTTP over libp2p is not supported: leave it empty',
  }),
  id: Type.String({ default: '', description: 'HTTP over libp2p is not supported: leave it empty' }),
  private_key: Type.String({ default: '', description: 'HTTP over libp2p is not supported: leave it empty' }),
  basic_auth_credentials: Type.Union(
    [Type.Null(), Type.Record(Type.String(), Type.String(), { minProperties: 1 })],
    {
      default: null,
      description: 'User → password; null = everybody who reaches the address may do everything',
    },
  ),
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
  /** Absolute paths of PEM files; undefined = plain HTTP. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly readTimeoutMs: number
  readonly readHeaderTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxHeaderBytes: number
  /** User → password; undefined = open to all. */
  readonly basicAuth: Readonly<Record<string, string>> | undefined
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly cors: CorsConfig
}

/**
 * The settings of the REST API. File names are relative to `configFolder`. Throws `CONFIG_INVALID` for what the schema
 * cannot see: wrong addresses, half of a TLS pair, settings of parts that do not exist here.
 */
export function toRestApiConfig(section: RestApiSection, configFolder = '.'): RestApiConfig {
  refuseUnsupported(section)
  const { ssl_cert_file: cert, ssl_key_file: key, max_header_bytes: maxHeaderBytes } = section
  if ((cert === '') !== (key === ''))
    refuse('ssl_cert_file', 'ssl_cert_file and ssl_key_file go together: set both or none')
  if (maxHeaderBytes !== 0 && maxHeaderBytes < MAX_HEADER_BYTES)
    refuse('max_header_bytes', 'it must be at least 4096')
  return {
    listen: toList(section.http_listen_multiaddress).map(toListenAddress),
    tls:
      cert === ''
        ? undefined
        : { certFile: resolve(configFolder, cert), keyFile: resolve(configFolder, key) },
    readTimeoutMs: parseDuration(section.read_timeout),
    readHeaderTimeoutMs: parseDuration(section.read_header_timeout),
    writeTimeoutMs: parseDuration(section.write_timeout),
    idleTimeoutMs: parseDuration(section.idle_timeout),
    maxHeaderBytes: Math.max(MAX_HEADER_BYTES, maxHeaderBytes),
    basicAuth: section.basic_auth_credentials ?? undefined,
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

function refuse(key: string, why: string): never {
  throw new ClusterError('CONFIG_INVALID', `api.restapi.${key}: ${why}`)
}

function refuseUnsupported(section: RestApiSection): void {
  const libp2p = [section.libp2p_listen_multiaddress, section.id, section.private_key]
  if (libp2p.some(value => value.length > 0)) {
    refuse(
      'libp2p_listen_multiaddress',
      'HTTP over libp2p is not supported: remove libp2p_listen_multiaddress, id and private_key, and use http_listen_multiaddress',
    )
  }
  if (section.http_log_file !== '') {
    refuse(
      'http_log_file',
      'access logs are not supported: remove it, and set the log level of the API to debug',
    )
  }
}

function toListenAddress(text: string): ApiAddress {
  try {
    return parseApiAddress(text)
  } catch (cause) {
    return refuse('http_listen_multiaddress', messageOf(cause))
  }
}
