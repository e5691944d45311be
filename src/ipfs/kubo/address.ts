import { multiaddr } from '@multiformats/multiaddr'
import { ClusterError } from '../../errors.ts'

/** Where Kubo's RPC listens: a host and a port, or a socket in the file system. Names are looked up at each dial. */
export type RpcAddress =
  | { readonly text: string; readonly socketPath: string }
  | {
      readonly text: string
      readonly host: string
      readonly port: number
      readonly family: 4 | 6 | undefined
      readonly isTls: boolean
    }

const FAMILIES: Readonly<Record<string, 4 | 6 | undefined>> = {
  ip4: 4,
  ip6: 6,
  dns: undefined,
  dns4: 4,
  dns6: 6,
}

/** The RPC address in a multiaddr such as `/ip4/127.0.0.1/tcp/5001`, `/dns4/kubo/tcp/443/https` or `/unix/run/kubo.sock`. */
export function toRpcAddress(text: string): RpcAddress {
  if (text.startsWith('/unix/'))
    return { text, socketPath: `/${decodeURIComponent(text.slice(6))}`.replace('//', '/') }
  try {
    const parts = multiaddr(text).getComponents()
    const [host, port, ...rest] = parts
    if (host?.value === undefined || !(host.name in FAMILIES) || port?.name !== 'tcp') {
      throw new Error('it has no host with a TCP port')
    }
    const isTls = rest.some(part => part.name === 'https' || part.name === 'tls')
    return { text, host: host.value, port: Number(port.value), family: FAMILIES[host.name], isTls }
  } catch (cause) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `ipfs_connector.ipfshttp.node_multiaddress "${text}" is not an address of a Kubo RPC: write it like /ip4/127.0.0.1/tcp/5001`,
      { cause },
    )
  }
}
