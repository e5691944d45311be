import { base16 } from 'multiformats/bases/base16'
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { ClusterError, messageOf } from '../errors.ts'
import { fromKey, toKey } from '../lib/bytes.ts'

/** The name of a piece of content. Two values are the same content name when `cidKey` is the same. */
export type Cid = CID

const BASES = base32.decoder.or(base36.decoder).or(base58btc.decoder).or(base16.decoder).or(base64url.decoder)

/** The CID that a text names, in any usual base. Throws `INVALID_ARGUMENT` with the text in the message. */
export function parseCid(text: string): Cid {
  try {
    return text.startsWith('Qm') ? CID.parse(text) : CID.parse(text, BASES)
  } catch (cause) {
    const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `error decoding Cid: "${shown}" is not a CID: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/** The CID in its bytes. Throws `INVALID_ARGUMENT`. */
export function cidFromBytes(bytes: Uint8Array): Cid {
  try {
    return CID.decode(bytes)
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', `not the bytes of a CID: ${messageOf(cause)}`, { cause })
  }
}

/** The one text of a CID: base58btc for version 0, lower-case base32 for version 1. */
export function formatCid(cid: Cid): string {
  return cid.toString()
}

/** A short key for maps, equal for equal CIDs (version, codec and multihash). */
export function cidKey(cid: Cid): string {
  return toKey(cid.bytes)
}

/** The CID behind a `cidKey`. */
export function cidFromKey(key: string): Cid {
  return CID.decode(fromKey(key))
}
