import { multiaddr } from '@multiformats/multiaddr'
import { ClusterError } from '../errors.ts'

/** Where a server listens. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Host and port of a multiaddress like `/ip4/127.0.0.1/tcp/8888`. Throws `CONFIG_INVALID` with the text. */
export function toListenAddress(text: string): ListenAddress {
  const parts = componentsOf(text)
  const host = parts[0]
  const port = parts[1]
  const isHost = host !== undefined && ['ip4', 'ip6', 'dns', 'dns4', 'dns6'].includes(host.name)
  if (!isHost || host.value === undefined || port?.name !== 'tcp' || parts.length !== 2) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `"${text}" is no address to listen on: write it like /ip4/127.0.0.1/tcp/8888`,
    )
  }
  return { host: host.value, port: Number(port.value) }
}

function componentsOf(text: string) {
  try {
    return multiaddr(text).getComponents()
  } catch (cause) {
    throw new ClusterError('CONFIG_INVALID', `"${text}" is not a multiaddress`, { cause })
  }
}
