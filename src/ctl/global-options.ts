import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import type { CallOptions, ClientConfig } from '../api/client.ts'
import { messageOf } from '../errors.ts'
import type { OptionValues } from './command.ts'
import { CommandError } from './command-error.ts'

/** Options that stand before the command. */
export const globalOptions = [
  {
    kind: 'texts',
    name: 'host',
    aliases: ['l'],
    value: 'addresses',
    default: '/ip4/127.0.0.1/tcp/9094',
    summary:
      'where the API is: multiaddrs, /dnsaddr names or URLs, separated by commas or given several times; the next one is asked when one cannot be reached, but no change is asked for twice',
  },
  {
    kind: 'text',
    name: 'encoding',
    aliases: ['enc'],
    value: 'form',
    default: 'text',
    summary: 'form of the output: text or json',
  },
  {
    kind: 'integer',
    name: 'timeout',
    aliases: ['t'],
    value: 'seconds',
    default: 0,
    summary: 'bound of a whole request; 0 = none',
  },
  {
    kind: 'text',
    name: 'basic-auth',
    value: 'user:password',
    default: '',
    summary: 'credentials; switches TLS on unless --force-http; also from CLUSTER_CREDENTIALS',
  },
  {
    kind: 'text',
    name: 'token',
    value: 'token',
    default: '',
    summary:
      'API token; switches TLS on for other machines unless --force-http; better from CLUSTER_TOKEN, where others do not see it',
  },
  {
    kind: 'text',
    name: 'cert-file',
    value: 'path',
    default: '',
    summary: 'PEM file with a client certificate and its key',
  },
  {
    kind: 'text',
    name: 'ca-file',
    value: 'path',
    default: '',
    summary: "PEM file with the authorities of the server's certificate, in the place of the usual ones",
  },
  {
    kind: 'text',
    name: 'identity',
    value: 'path',
    default: '',
    summary:
      'identity.json to show to hosts that are libp2p addresses; what it may do is said in their libp2p_callers',
  },
  { kind: 'flag', name: 'force-http', aliases: ['f'], summary: 'no TLS, although credentials are given' },
  { kind: 'flag', name: 'https', aliases: ['s'], summary: 'use TLS' },
  { kind: 'flag', name: 'no-check-certificate', summary: 'take any TLS certificate' },
  {
    kind: 'text',
    name: 'secret',
    value: 'hex',
    default: '',
    summary: 'of the cluster, for hosts that are libp2p addresses; also from CLUSTER_SECRET',
  },
  { kind: 'flag', name: 'debug', aliases: ['d'], summary: 'show where failures come from' },
  { kind: 'flag', name: 'version', aliases: ['v'], summary: 'print the version of this program' },
] as const

/** Connects to a peer over the cluster's network, with a secret ('' = none) and an identity file ('' = nobody). */
export type ConnectAs = (
  address: string,
  credentials: { readonly secret: string; readonly identityFile: string },
  options: CallOptions,
) => Promise<Duplex>

/** The values of the options above. */
export type GlobalValues = OptionValues<typeof globalOptions>

/** Whom to ask and how, from options and environment. Throws `CommandError`. */
export function toClientConfig(
  options: GlobalValues,
  env: Readonly<Record<string, string | undefined>>,
  connectPeer?: ConnectAs,
): ClientConfig {
  const secret = options.secret === '' ? (env['CLUSTER_SECRET'] ?? '') : options.secret
  if (secret !== '' && !/^[0-9a-f]{64}$/i.test(secret))
    throw new CommandError('parsing secret', 'the secret of a cluster has 64 hexadecimal digits')
  const credentials = { secret, identityFile: options.identity }
  if (options.timeout < 0) throw new CommandError('', `timeout must not be negative: ${options.timeout}`)
  const basicAuth = options['basic-auth'] === '' ? (env['CLUSTER_CREDENTIALS'] ?? '') : options['basic-auth']
  const token = options.token === '' ? (env['CLUSTER_TOKEN'] ?? '') : options.token
  const isTls = options.https || (basicAuth !== '' && !options['force-http'])
  const isTokenTls = token !== '' && !options['force-http']
  const hosts = options.host.flatMap(text => text.split(',')).filter(host => host !== '')
  const [cert, ca] = [pemOf(options['cert-file']), pemOf(options['ca-file'])]
  return {
    hosts: hosts.map(host => (isTls || (isTokenTls && !isLoopback(host)) ? withTls(host) : host)),
    ...(basicAuth === '' ? {} : { basicAuth }),
    ...(token === '' ? {} : { token }),
    ...(cert === undefined ? {} : { certificate: cert }),
    ...(ca === undefined ? {} : { authorities: ca }),
    ...(connectPeer === undefined
      ? {}
      : { connectPeer: (address, call) => connectPeer(address, credentials, call) }),
    isCertificateChecked: !options['no-check-certificate'],
    timeoutMs: options.timeout * 1000,
  }
}

/** The text of a PEM file, undefined for no file. */
function pemOf(path: string): string | undefined {
  if (path === '') return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new CommandError('reading certificates', messageOf(cause), { cause })
  }
}

/** What does not leave this machine can be read without TLS by nobody else. */
function isLoopback(host: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/|dns[46]?\/localhost\/)/.test(host)
}

/** URLs say themselves whether TLS is used. */
function withTls(host: string): string {
  const isOpen = host.startsWith('/') && !/^\/(unix|dnsaddr)\/|\/(https|tls)\b|\/(p2p|ipfs)\//.test(host)
  return isOpen ? `${host.replace(/(\/http)?\/?$/, '')}/https` : host
}

/** A wrong address, said as the reference says it. */
export function hostFailure(thrown: unknown): CommandError {
  return new CommandError('parsing host multiaddress', messageOf(thrown), { cause: thrown })
}
