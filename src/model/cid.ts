import { base16 } from 'multiformats/bases/base16'
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { Digest } from 'multiformats/hashes/digest'
import { ClusterError, messageOf } from '../errors.ts'
import { fromKey, toKey } from '../lib/bytes.ts'
import { usualCidBytes } from './cid-text.ts'

/** The name of a piece of content. Two values are the same content name when `cidKey` is the same. */
export type Cid = CID

const BASES = base32.decoder.or(base36.decoder).or(base58btc.decoder).or(base16.decoder).or(base64url.decoder)

/**
 * Longest text of a CID: 512 bytes in base16. The time that base58 and base36 take grows with the square of the length; a
 * megabyte of them would hold everything up for most of an hour.
 */
const TEXT_MAX = 1025

/** The CID that a text names, in any usual base. Throws `INVALID_ARGUMENT` with the text in the message. */
export function parseCid(text: string): Cid {
  const bytes = usualCidBytes(text)
  const usual = bytes === undefined ? undefined : commonCid(bytes)
  if (usual !== undefined) return usual
  try {
    if (text.length > TEXT_MAX) throw new Error(`it has more than ${TEXT_MAX} characters`)
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
    return commonCid(bytes) ?? CID.decode(bytes)
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', `not the bytes of a CID: ${messageOf(cause)}`, { cause })
  }
}

const SHA_256 = 0x12
const DAG_PB = 0x70

/** The CID of bytes of the two forms that nearly all have, SHA-256 in version 0 or 1, at a tenth of the library's cost. */
function commonCid(bytes: Uint8Array): Cid | undefined {
  const [first, second = 0x80, third, fourth] = [bytes[0], bytes[1], bytes[2], bytes[3]]
  if (bytes.length === 34 && first === SHA_256 && second === 32)
    return new CID(0, DAG_PB, new Digest(SHA_256, 32, bytes.subarray(2), bytes), bytes)
  if (bytes.length !== 36 || first !== 1 || second >= 0x80 || third !== SHA_256 || fourth !== 32)
    return undefined
  return new CID(1, second, new Digest(SHA_256, 32, bytes.subarray(4), bytes.subarray(2)), bytes)
}

/** The one text of a CID: base58btc for version 0, lower-case base32 for version 1. */
export function formatCid(cid: Cid): string {
  // Not by its own method, which remembers every text that it makes, at ten times the cost of making it.
  return cid.version === 0 ? base58btc.baseEncode(cid.bytes) : base32.encode(cid.bytes)
}

/** A short key for maps, equal for equal CIDs (version, codec and multihash). */
export function cidKey(cid: Cid): string {
  return toKey(cid.bytes)
}

/** The CID behind a `cidKey`. */
export function cidFromKey(key: string): Cid {
  return cidFromBytes(fromKey(key))
}
