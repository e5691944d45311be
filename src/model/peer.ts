import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { decode as decodeMultihash } from 'multiformats/hashes/digest'
import { ClusterError } from '../errors.ts'
import type { PeerState } from './peer-care.ts'

/** A peer's id as text: base58btc of its multihash (`12D3KooW…`, `Qm…`). */
export type PeerId = string

const LIBP2P_KEY = 0x72
/** Longest text of a peer id, several times what any kind of key needs: reading base58 takes the square of the length. */
const TEXT_MAX = 256

/** The multihash of a peer id. Throws `INVALID_ARGUMENT`. */
export function peerIdBytes(peer: PeerId): Uint8Array {
  try {
    checkLength(peer)
    return decodeMultihash(base58btc.decode(`z${peer}`)).bytes
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', `"${peer.slice(0, 120)}" is not a peer id`, { cause })
  }
}

/**
 * The canonical form of a peer id given as base58btc multihash or as CID (`bafz…`, `k51…`).
 * Throws `INVALID_ARGUMENT` with the text in the message.
 */
export function parsePeerId(text: string): PeerId {
  try {
    if (text.startsWith('1') || text.startsWith('Qm')) {
      peerIdBytes(text)
      return text
    }
    checkLength(text)
    const cid = CID.parse(text, text.startsWith('k') ? base36.decoder : base32.decoder)
    if (cid.code !== LIBP2P_KEY) throw new Error('it is the CID of something else')
    return base58btc.baseEncode(cid.multihash.bytes)
  } catch (cause) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `error decoding Peer ID: "${text.slice(0, 120)}" is not a peer id`,
      { cause },
    )
  }
}

function checkLength(text: string): void {
  if (text.length > TEXT_MAX) throw new Error(`it has more than ${TEXT_MAX} characters`)
}

/** What a peer says of its IPFS node. `error` is '' when the node answers. */
export interface IpfsId {
  readonly id: PeerId | undefined
  readonly addresses: readonly string[]
  readonly error: string
}

/** What a peer says of itself; for a peer that does not answer only `id` and `error` carry data. */
export interface PeerInfo {
  readonly id: PeerId
  readonly addresses: readonly string[]
  readonly clusterPeers: readonly PeerId[]
  readonly clusterPeersAddresses: readonly string[]
  readonly version: string
  readonly rpcProtocolVersion: string
  readonly error: string
  readonly ipfs: IpfsId
  readonly peername: string
  /** What the peer that was asked knows of it; only in a listing of peers. */
  readonly care?: PeerState
}

/** What peers say of themselves in each heartbeat. */
export interface PeerHello {
  readonly peername: string
  readonly ipfsId: PeerId | undefined
  readonly ipfsAddresses: readonly string[]
}
