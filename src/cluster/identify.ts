import { messageOf } from '../errors.ts'
import type { Options } from '../interfaces.ts'
import { unlessAborted } from '../lib/unless-aborted.ts'
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
 * Makes the function that says who this peer is. What its IPFS node says is kept for a few seconds, and however many ask
 * meanwhile, the node is asked once; a node that does not
 * answer shows as `ipfs.error`, never as a failure. A disk that takes no writes shows as `error`.
 */
export function makeIdentify(components: IdentifyComponents): (options: Options) => Promise<PeerInfo> {
  const { self, network, monitor, clock, consensus } = components
  let asked: Promise<IpfsId> | undefined
  let answeredAtMs: number | undefined
  const ipfsId = (signal: AbortSignal): Promise<IpfsId> => {
    if (answeredAtMs !== undefined && clock.monotonic() - answeredAtMs >= IPFS_ID_KEPT_MS) asked = undefined
    if (asked === undefined) {
      answeredAtMs = undefined
      asked = askIpfs(components).finally(() => {
        answeredAtMs = clock.monotonic()
      })
    }
    return unlessAborted(asked, signal)
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

/** Never rejects, and heeds no caller's signal: it is asked for all of them. */
async function askIpfs({ ipfs }: IdentifyComponents): Promise<IpfsId> {
  const limit = AbortSignal.timeout(IPFS_LIMIT_MS)
  try {
    return await ipfs.id({ signal: limit })
  } catch (thrown) {
    if (limit.aborted && thrown === limit.reason) return { id: undefined, addresses: [], error: SLOW }
    return { id: undefined, addresses: [], error: messageOf(thrown) }
  }
}
