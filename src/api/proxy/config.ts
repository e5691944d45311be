import { type Static, Type } from 'typebox'
import { ClusterError, messageOf } from '../../errors.ts'
import { parseDuration } from '../../lib/duration.ts'
import { durationSetting, oneOrManySetting, toList } from '../../lib/schema.ts'
import { type ApiAddress, parseApiAddress } from '../address.ts'
import { isLocal } from '../auth-exposure.ts'
import { toIdleTimeoutMs } from '../config.ts'

const MAX_HEADER_BYTES = 4096

/** Section `api.ipfsproxy` of service.json. */
export const proxySchema = Type.Object({
  listen_multiaddress: oneOrManySetting(
    ['/ip4/127.0.0.1/tcp/9095'],
    'Where the IPFS proxy listens: one multiaddr or a list; /unix/<path> is a socket file. It asks nobody for credentials: keep it on loopback or behind something that does',
  ),
  anonymous_scope: Type.Union([Type.Literal(''), Type.Literal('admin')], {
    default: '',
    description:
      '"admin" = everybody who reaches the proxy may pin and unpin, also from other machines. Without it the proxy listens on loopback only',
  }),
  node_multiaddress: Type.String({
    default: '',
    description:
      'RPC of the Kubo that gets what the cluster does not answer itself; empty = ipfs_connector.ipfshttp.node_multiaddress. Not used with the embedded node',
  }),
  node_https: Type.Boolean({ default: false, description: 'Whether that Kubo is asked over TLS' }),
  log_file: Type.String({ default: '', description: 'Access logs are not supported: leave it empty' }),
  read_timeout: durationSetting('0s', 'Bound for reading a whole request, uploads included; 0s = none'),
  read_header_timeout: durationSetting('5s', 'Bound for reading the head of a request'),
  write_timeout: durationSetting('0s', 'Bound for a whole answer; 0s = none'),
  idle_timeout: durationSetting(
    '1m0s',
    'How long a connection may be idle: between requests, inside an upload, or while a client does not read; 0s = no bound',
  ),
  max_header_bytes: Type.Integer({
    default: MAX_HEADER_BYTES,
    minimum: 0,
    description:
      'Bound for the head of a request, to which 4096 bytes are added; at least 4096, 0 = that. Lists of many arg need more',
  }),
  extract_headers_extra: Type.Array(Type.String(), {
    default: [],
    description: "Names of Kubo's headers that answers of the cluster carry too",
  }),
  extract_headers_path: Type.String({
    default: '/api/v0/version',
    pattern: '^/',
    description: 'Path that Kubo is asked for to learn those headers',
  }),
  extract_headers_ttl: durationSetting('5m', 'How long they are remembered; 0 = for ever'),
})
/** Section `api.ipfsproxy` of service.json. */
export type ProxySection = Static<typeof proxySchema>

/** How the IPFS proxy is served. */
export interface ProxyConfig {
  readonly listen: readonly ApiAddress[]
  /** The Kubo behind; undefined = the one that the connector talks to. */
  readonly node: ApiAddress | undefined
  readonly isNodeTls: boolean
  readonly tls: undefined
  readonly readTimeoutMs: number
  readonly readHeaderTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxHeaderBytes: number
  readonly extractedHeaders: {
    /** In lower case. */
    readonly names: readonly string[]
    readonly path: string
    /** 0 = for ever. */
    readonly ttlMs: number
  }
}

/** The settings of the IPFS proxy. Throws `CONFIG_INVALID` for what the schema cannot see. */
export function toProxyConfig(section: ProxySection): ProxyConfig {
  const { max_header_bytes: maxHeaderBytes, node_multiaddress: node } = section
  if (section.log_file !== '') refuse('log_file', 'access logs are not supported: remove it')
  if (maxHeaderBytes !== 0 && maxHeaderBytes < MAX_HEADER_BYTES)
    refuse('max_header_bytes', 'it must be at least 4096')
  const extra = section.extract_headers_extra.map(name => name.toLowerCase())
  const wrong = extra.find(name => !/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
  if (wrong !== undefined) refuse('extract_headers_extra', `"${wrong}" is not the name of a header`)
  const listen = toList(section.listen_multiaddress).map(text => parse('listen_multiaddress', text))
  const open = listen.find(address => !isLocal(address))
  if (open !== undefined && section.anonymous_scope === '') {
    refuse(
      'listen_multiaddress',
      `${open.text} can be reached from other machines, and the proxy asks nobody for credentials: listen on /ip4/127.0.0.1 or a socket; or, if something else keeps others out, say so: "anonymous_scope": "admin" (or set CLUSTER_IPFSPROXY_ANONYMOUSSCOPE=admin)`,
    )
  }
  return {
    listen,
    node: node === '' ? undefined : parse('node_multiaddress', node),
    isNodeTls: section.node_https,
    tls: undefined,
    readTimeoutMs: parseDuration(section.read_timeout),
    readHeaderTimeoutMs: parseDuration(section.read_header_timeout),
    writeTimeoutMs: parseDuration(section.write_timeout),
    idleTimeoutMs: toIdleTimeoutMs(section.idle_timeout),
    maxHeaderBytes: Math.max(MAX_HEADER_BYTES, maxHeaderBytes),
    extractedHeaders: {
      names: ['access-control-expose-headers', ...extra],
      path: section.extract_headers_path,
      ttlMs: parseDuration(section.extract_headers_ttl),
    },
  }
}

function refuse(key: string, why: string): never {
  throw new ClusterError('CONFIG_INVALID', `api.ipfsproxy.${key}: ${why}`)
}

function parse(key: string, text: string): ApiAddress {
  try {
    return parseApiAddress(text)
  } catch (cause) {
    return refuse(key, messageOf(cause))
  }
}
