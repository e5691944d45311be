import type { Code } from '../errors.ts'
import type { PinWhy } from './pin-why.ts'

/** What to do about a failure, by its code, where there is something to do besides waiting. */
const BY_REASON: { readonly [Reason in Code]?: string } = {
  TIMEOUT:
    'The IPFS node finds nobody who has the content, or it comes too slowly: see that a node with the content is online and reachable, or pin it with --origins naming one. More time gives ipfs_connector.*.pin_timeout.',
  IPFS_UNAVAILABLE:
    'The IPFS node beside this peer does not answer: start it, or correct ipfs_connector.ipfshttp.node_multiaddress. The peer goes on by itself when it answers.',
  IPFS_REFUSED:
    'The IPFS node refuses: its message says why. Usual are a damaged repository, and content that is not what the CID says.',
  IPFS_FULL:
    'The IPFS node has no room for it: remove pins and collect garbage ("cluster-ctl ipfs gc"), or raise its limit (ipfs_connector.embedded.storage_max_bytes, or the disk of the Kubo); it is tried again by itself. Unless cluster.disable_repinning is set, it is placed on another peer that can take it; the alert no-room says when there is none.',
  PEER_UNREACHABLE:
    'This peer cannot be reached from here: see that it runs and that the network between the peers is open. If it is gone for good, pin again so that others take its place.',
  FORBIDDEN: 'This peer does not let the asking one ask: it has to trust it ("cluster-ctl trust add").',
  TOO_LARGE: 'The content exceeds a limit of the IPFS node: raise the limit, or pin it elsewhere.',
  INVALID_ARGUMENT:
    'This peer does not understand the question or the content: see that all peers run the same version.',
  STORE_FAILED: 'The disk of this peer fails: see its log, and whether the disk is full or broken.',
  READ_ONLY: 'The disk of this peer takes no writes: make room, or replace it.',
  NOT_READY: 'This peer is starting or stopping: ask again in a moment.',
  INTERNAL: 'A fault in the program: its log has more; please report it.',
}

const GIVEN_UP =
  'It was tried as often as pin_tracker.stateless.max_attempts allows: remove the cause, then run "cluster-ctl recover" with the CID.'

/** What an operator can do about a failure with this code. */
export function adviceOnFailure(reason: Code): string {
  return BY_REASON[reason] ?? 'See the message, and the log of this peer.'
}

/** What an operator can do about the state of a CID at a peer, in a sentence or two; '' for nothing. */
export function adviceOn({ info, ipfsFailure, lastFailure }: PinWhy): string {
  const { status, reason, isGivenUp } = info
  const onFailure = reason === undefined ? '' : adviceOnFailure(reason)
  if (isGivenUp === true) return `${onFailure} ${GIVEN_UP}`.trim()
  if (onFailure !== '') return onFailure
  if (ipfsFailure !== '' && status !== 'remote' && status !== 'unpinned')
    return adviceOnFailure('IPFS_UNAVAILABLE')
  if (status === 'unexpectedly_unpinned')
    return 'The IPFS node has let go of it: the peer pins it again at its next comparison (cluster.pin_recover_interval), or now with "cluster-ctl recover".'
  if (lastFailure !== undefined) return `It is being tried again. ${adviceOnFailure(lastFailure.reason)}`
  if (status === 'pinning')
    return 'The content is being fetched: nothing to do, unless it takes longer than its size explains.'
  if (status === 'pin_queued' || status === 'unpin_queued')
    return 'Others are before it: pin_tracker.stateless.concurrent_pins says how many are fetched at the same time.'
  return ''
}
