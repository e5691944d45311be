import { isMarkName } from './peer-mark.ts'
import { isRequestName } from './pin-request.ts'

/**
 * Whether a CID, given by its bytes from `at` on, names an entry that is no content: a request or what was said of a peer.
 * Such entries are not counted, tracked or told of, and listed only where they are asked for by their type.
 */
export function isHiddenName(bytes: Uint8Array, at = 0): boolean {
  return isMarkName(bytes, at) || isRequestName(bytes, at)
}
