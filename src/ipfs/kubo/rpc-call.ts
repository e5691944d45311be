import { ClusterError, messageOf } from '../../errors.ts'
import { saysNoSpace } from '../no-space.ts'

/** One request to the RPC. */
export interface RpcCall {
  /** Path below `/api/v0/` with its query. */
  readonly path: string
  /** What is asked, for people. */
  readonly what: string
  readonly signal: AbortSignal
  /** Longest time without `touch`, milliseconds; 0 = no limit. */
  readonly limitMs: number
  /** The error when the limit is reached. Default: `TIMEOUT`, naming `what` and the limit. */
  readonly onLimit?: () => ClusterError
}

/** The longest text of a refusal that is read, bytes. */
export const REFUSAL_BYTES_MAX = 65_536

/** The node gave nothing for as long as it may. */
export function limitReached(call: RpcCall): ClusterError {
  return new ClusterError(
    'TIMEOUT',
    `the IPFS node gave nothing to ${call.what} for ${call.limitMs / 1000} s: see whether it is overloaded, or raise ipfs_connector.ipfshttp.ipfs_request_timeout`,
  )
}

/** Kubo's own refusal as an error, `IPFS_FULL` where it is for lack of room; `details.ipfsMessage` is what it said. */
export function refused(what: string, ipfsMessage: string): ClusterError {
  if (saysNoSpace(ipfsMessage))
    return new ClusterError('IPFS_FULL', `the IPFS node has no room for ${what}: ${ipfsMessage}`, {
      details: { ipfsMessage },
    })
  return new ClusterError('IPFS_REFUSED', `the IPFS node refuses ${what}: ${ipfsMessage}`, {
    details: { ipfsMessage },
  })
}

/** The refusal in an answer with another status than 200. */
export function refusalIn(what: string, status: number, body: string): ClusterError {
  return refused(what, messageIn(body) ?? `HTTP ${status}: ${body.trim().slice(0, 500)}`)
}

/** The node could not be reached, or went away in the midst of an answer. */
export function unavailable(addressText: string, call: RpcCall, cause: unknown): ClusterError {
  return new ClusterError(
    'IPFS_UNAVAILABLE',
    `the IPFS node at ${addressText} does not answer ${call.what} (${messageOf(cause)}): see that Kubo runs and that ipfs_connector.ipfshttp.node_multiaddress is its RPC address`,
    { cause, details: { address: addressText } },
  )
}

function messageIn(body: string): string | undefined {
  if (!body.startsWith('{')) return undefined
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null && 'Message' in parsed) return String(parsed.Message)
    return undefined
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}
