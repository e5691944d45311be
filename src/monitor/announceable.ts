import { BlockList } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'

const UNREACHABLE = new BlockList()
for (const [net, prefix] of [
  ['127.0.0.0', 8],
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
] as const) {
  UNREACHABLE.addSubnet(net, prefix, 'ipv4')
}
for (const [net, prefix] of [
  ['::1', 128],
  ['::', 128],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  UNREACHABLE.addSubnet(net, prefix, 'ipv6')
}

/**
 * Whether the address of an IPFS node is of use to other peers: one with a DNS name, or with an IP address that is
 * neither loopback, link-local, unspecified nor multicast. Private networks count, since a cluster may live in one.
 */
function isAnnounceable(address: string): boolean {
  const [first] = multiaddr(address).getComponents()
  if (first === undefined) return false
  if (first.name.startsWith('dns')) return true
  if (first.name !== 'ip4' && first.name !== 'ip6') return false
  return !UNREACHABLE.check(first.value ?? '', first.name === 'ip4' ? 'ipv4' : 'ipv6')
}

/** The addresses that are of use to other peers; all of them when none is, as in a cluster on one machine. */
export function announceable(addresses: readonly string[]): readonly string[] {
  const reachable = addresses.filter(isAnnounceable)
  return reachable.length > 0 ? reachable : addresses
}
