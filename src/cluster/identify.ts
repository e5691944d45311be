import { messageOf, wasStopped } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import type { IpfsId, PeerInfo } from '../model/peer.ts'
import type { LocalComponents } from './components.ts'

/** What a peer needs to say who it is. */
export type IdentifyComponents = Pick<
  LocalComponents,
  'clock' | 'consensus' | 'monitor' | 'network' | 'peername' | 'rpcProtocolVersion' | 'self' | 'version'
> & { readonly ipfs: Pick<LocalComponents['ipfs'], 'id'> }

const IPFS_ID_KEPT_MS = 3000
const IPFS_LIMIT_MS = 5000
const SLOW = `the IPFS node did not answer within ${IPFS_LIMIT_MS / 1000} s: see whether it hangs or is overloaded`

/**
 * Makes the function that says who this peer is. What its IPFS node says is kept for a few seconds; a node that does not
 * answer shows as `ipfs.error`, never as a failure. A disk that takes no writes shows as `error`.
 */
export function makeIdentify(components: IdentifyComponents): (options: Options) => Promise<PeerInfo> {
  const { self, network, monitor, clock, consensus } = components
  let known: { readonly id: IpfsId; readonly atMs: number } | undefined
  const ipfsId = async (signal: AbortSignal): Promise<IpfsId> => {
    if (known !== undefined && clock.monotonic() - known.atMs < IPFS_ID_KEPT_MS) return known.id
    const id = await askIpfs(components, signal)
    known = { id, atMs: clock.monotonic() }
    return id
  }
  return async ({ signal }) => {
    const [ipfs, ...addresses] = await Promise.all([
      ipfsId(signal),
      ...network.peers().map(peer => network.addressesOf(peer)),
    ])
    const { readOnly } = consensus.state
    return {
      id: self,
      addresses: network.addresses(),
      clusterPeers: monitor.peers(),
      clusterPeersAddresses: addresses.flat(),
      version: components.version,
      rpcProtocolVersion: components.rpcProtocolVersion,
      error: readOnly === undefined ? '' : `read-only: ${readOnly}`,
      ipfs,
      peername: components.peername,
    }
  }
}

async function askIpfs({ ipfs }: IdentifyComponents, signal: AbortSignal): Promise<IpfsId> {
  const limit = AbortSignal.timeout(IPFS_LIMIT_MS)
  try {
    return await ipfs.id({ signal: AbortSignal.any([signal, limit]) })
  } catch (thrown) {
    if (wasStopped(thrown, signal)) throw thrown
    if (limit.aborted && thrown === limit.reason) return { id: undefined, addresses: [], error: SLOW }
    return { id: undefined, addresses: [], error: messageOf(thrown) }
  }
}
