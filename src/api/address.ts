import { ClusterError } from '../errors.ts'

/** Where an HTTP API listens or is asked: a TCP port or a unix socket. `text` is the address as it was given. */
export type ApiAddress =
  | {
      readonly kind: 'tcp'
      readonly host: string
      readonly port: number
      /** Of a name that is to be looked up in one family only. */
      readonly family?: 4 | 6
      readonly isTls: boolean
      /** Prefix of all paths; '' for none, never with a slash at its end. */
      readonly prefix: string
      readonly text: string
    }
  | { readonly kind: 'unix'; readonly path: string; readonly text: string }

/** Where an HTTP API is asked: such an address, or a peer that serves it on the network of the cluster. */
export type HostAddress =
  | ApiAddress
  | {
      readonly kind: 'p2p'
      /** Multiaddr that ends in `/p2p/<peer id>`. */
      readonly text: string
    }

/** The same, or a name under which DNS has addresses of peers: `/dnsaddr/<name>[/p2p/<peer id>]`. */
export type NamedHost =
  | HostAddress
  | {
      readonly kind: 'dnsaddr'
      readonly name: string
      /** Id of the one peer that is meant. */
      readonly peer: string | undefined
      readonly text: string
    }

const P2P = /^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d{1,5}\/(?:p2p|ipfs)\/[^/]+\/?$/
const DNSADDR = /^\/dnsaddr\/([\w.-]{1,253})(?:\/(?:p2p|ipfs)\/(\w{1,100}))?\/?$/
const TCP = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})((?:\/(?:http|https|tls))*)\/?$/

/**
 * The address of a multiaddr (`/ip4/127.0.0.1/tcp/9094`, `/dns4/host/tcp/443/https`, `/unix/run/api.sock`) or of an
 * http(s) URL. Throws `INVALID_ARGUMENT` with the text in the message.
 */
export function parseApiAddress(text: string): ApiAddress {
  if (/^https?:\/\//.test(text)) return parseUrl(text)
  if (text.startsWith('/unix/')) return { kind: 'unix', path: text.slice('/unix'.length), text }
  const [, kind, host, port, suffix = ''] = TCP.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535) return refuse(text)
  const isTls = suffix.includes('/https') || suffix.includes('/tls')
  const family = kind === 'dns4' ? 4 : kind === 'dns6' ? 6 : undefined
  const base = { kind: 'tcp', host, port: Number(port), isTls, prefix: '', text } as const
  return family === undefined ? base : { ...base, family }
}

/** The address of a host to ask: as in `parseApiAddress`, a multiaddr such as `/ip4/10.0.0.1/tcp/9096/p2p/12D3KooW…`, or a name. */
export function parseHostAddress(text: string): NamedHost {
  const [, name, peer] = DNSADDR.exec(text) ?? []
  if (name !== undefined) return { kind: 'dnsaddr', name, peer, text }
  return P2P.test(text) ? { kind: 'p2p', text } : parseApiAddress(text)
}

function parseUrl(text: string): ApiAddress {
  const url = URL.parse(text)
  if (url === null || url.search !== '') return refuse(text)
  const isTls = url.protocol === 'https:'
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return { kind: 'tcp', host, port, isTls, prefix: url.pathname.replace(/\/+$/, ''), text }
}

function refuse(text: string): never {
  const isLibp2p = /\/(p2p|ipfs|dnsaddr)\//.test(text)
  throw new ClusterError(
    'INVALID_ARGUMENT',
    isLibp2p
      ? `"${text}" is a libp2p address, which is not supported here: give the HTTP address, such as /ip4/127.0.0.1/tcp/9094`
      : `"${text}" is not an address of an HTTP API: write it like /ip4/127.0.0.1/tcp/9094, /unix/path or http://host:9094`,
  )
}

/** The multiaddr of a TCP host and port. */
export function formatTcpAddress(host: string, port: number): string {
  const isIp4 = /^\d+\.\d+\.\d+\.\d+$/.test(host)
  return `/${isIp4 ? 'ip4' : host.includes(':') ? 'ip6' : 'dns'}/${host}/tcp/${port}`
}
