import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { ClusterError } from '../errors.ts'

/**
 * Makes the test of which own addresses may be told to others. `noAnnounce` holds exact multiaddrs and ranges like
 * `/ip4/10.0.0.0/ipcidr/8`. Throws `CONFIG_INVALID` for a range that is none.
 */
export function makeAnnounceFilter(noAnnounce: readonly string[]): (address: string) => boolean {
  const exact = new Set<string>()
  const ranges = new BlockList()
  for (const entry of noAnnounce) {
    const [, family, host, kind, bits] = entry.split('/')
    if (kind !== 'ipcidr') exact.add(entry)
    else addRange(ranges, entry, family, host, Number(bits))
  }
  return address => {
    const [, , host] = address.split('/')
    const bare = address.replace(/\/p2p\/[^/]+$/, '')
    if (exact.has(bare) || exact.has(address)) return false
    if (host === undefined) return true
    if (isIPv4(host)) return !ranges.check(host, 'ipv4')
    return !isIPv6(host) || !ranges.check(host, 'ipv6')
  }
}

function addRange(
  ranges: BlockList,
  entry: string,
  family: string | undefined,
  host: string | undefined,
  bits: number,
): void {
  const isFour = family === 'ip4' && host !== undefined && isIPv4(host) && bits >= 0 && bits <= 32
  const isSix = family === 'ip6' && host !== undefined && isIPv6(host) && bits >= 0 && bits <= 128
  if (isFour) ranges.addSubnet(host, bits, 'ipv4')
  else if (isSix) ranges.addSubnet(host, bits, 'ipv6')
  else
    throw new ClusterError(
      'CONFIG_INVALID',
      `cluster.no_announce_multiaddress: "${entry}" is not a range such as /ip4/10.0.0.0/ipcidr/8`,
    )
}
