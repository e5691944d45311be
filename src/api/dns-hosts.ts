import { ClusterError, messageOf } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import { type HostAddress, type NamedHost, parseHostAddress } from './address.ts'

/** The texts that a name has in DNS, each in its pieces. Throws when there are none. */
export type LookUpTexts = (name: string, options: Options) => Promise<readonly (readonly string[])[]>

/** Bounds of what names lead to. */
const LOOKUPS_MAX = 16
const ADDRESSES_MAX = 32
const TIMEOUT_MS = 30_000

/** Asks the name servers of the machine. */
export const lookUpTexts: LookUpTexts = async (name, { signal }) => {
  const { Resolver } = await import('node:dns/promises')
  const resolver = new Resolver()
  const stop = () => resolver.cancel()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await resolver.resolveTxt(name)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * The addresses of a host to ask: itself, or those that `/dnsaddr/<name>[/p2p/<id>]` stands for. These are in TXT records of
 * `_dnsaddr.<name>`, each `dnsaddr=<multiaddr>`; names in them are looked up in turn, and what is no libp2p address over TCP
 * or of another peer than the one that is asked for is passed over. Throws `PEER_UNREACHABLE` when nothing is left.
 */
export async function addressesOf(
  host: NamedHost,
  lookUp: LookUpTexts,
  options: Options,
): Promise<readonly HostAddress[]> {
  if (host.kind !== 'dnsaddr') return [host]
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(TIMEOUT_MS)])
  const found = new Map<string, HostAddress>()
  const waiting: (NamedHost & { readonly kind: 'dnsaddr' })[] = [host]
  let failure: unknown
  for (let lookups = 0; lookups < LOOKUPS_MAX && found.size < ADDRESSES_MAX; lookups++) {
    const next = waiting.shift()
    if (next === undefined) break
    try {
      for (const pieces of await lookUp(`_dnsaddr.${next.name}`, { signal })) {
        const address = addressIn(pieces.join(''), next.peer)
        if (address?.kind === 'dnsaddr') waiting.push(address)
        else if (address !== undefined && found.size < ADDRESSES_MAX) found.set(address.text, address)
      }
    } catch (thrown) {
      options.signal.throwIfAborted()
      failure = thrown
    }
  }
  if (found.size > 0) return [...found.values()]
  const why = failure === undefined ? 'none of its TXT records names a peer over TCP' : messageOf(failure)
  throw new ClusterError('PEER_UNREACHABLE', `"${host.text}" leads nowhere: _dnsaddr.${host.name}: ${why}`, {
    cause: failure,
  })
}

/** The address in a TXT record, when it is one of the peer that is asked for. */
function addressIn(
  record: string,
  peer: string | undefined,
): Extract<NamedHost, { kind: 'p2p' | 'dnsaddr' }> | undefined {
  const text = /^dnsaddr=(\/\S{1,500})$/.exec(record)?.[1]
  const isAsked =
    text !== undefined && (peer === undefined || new RegExp(`/(p2p|ipfs)/${peer}/?$`).test(text))
  if (!isAsked) return undefined
  try {
    const address = parseHostAddress(text)
    return address.kind === 'p2p' || address.kind === 'dnsaddr' ? address : undefined
  } catch (thrown) {
    if (thrown instanceof ClusterError) return undefined
    throw thrown
  }
}
