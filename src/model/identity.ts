import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { create as createMultihash } from 'multiformats/hashes/digest'
import { ClusterError } from '../errors.ts'
import { concatBytes, equalBytes } from '../lib/bytes.ts'
import { remembered } from '../lib/remembered.ts'
import type { PeerId } from './peer.ts'

/** A peer's Ed25519 key pair and the peer id that its public key gives. */
export interface Identity {
  readonly id: PeerId
  /** The private key in libp2p's protobuf form (type, then 32 secret and 32 public bytes). */
  readonly privateKey: Uint8Array
  /** Ed25519 signature (64 bytes) over the bytes. */
  sign(bytes: Uint8Array): Uint8Array
}

// libp2p keys are protobufs { 1: key type, 2: data }; Ed25519 is type 1. Peer id spec:
// https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
const PRIVATE_HEAD = Uint8Array.of(0x08, 0x01, 0x12, 0x40)
const PUBLIC_HEAD = Uint8Array.of(0x08, 0x01, 0x12, 0x20)
// The id of such a peer: the public key's protobuf in an identity multihash, of which there is only one text.
const ID_HEAD = concatBytes([Uint8Array.of(0x00, 0x24), PUBLIC_HEAD])
const ED25519_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/
// DER prefixes of RFC 8410 keys.
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')

/** A new identity from the operating system's randomness. */
export function createIdentity(): Identity {
  const { privateKey } = generateKeyPairSync('ed25519')
  return identityFromSeed(new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)))
}

/** The identity whose Ed25519 secret is the given 32 bytes. */
export function identityFromSeed(seed: Uint8Array): Identity {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
  const publicBytes = new Uint8Array(
    createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32),
  )
  const id = base58btc.baseEncode(createMultihash(0, concatBytes([PUBLIC_HEAD, publicBytes])).bytes)
  return {
    id,
    privateKey: concatBytes([PRIVATE_HEAD, seed, publicBytes]),
    sign: bytes => new Uint8Array(sign(null, bytes, key)),
  }
}

/** The identity of a private key in libp2p's protobuf form. Throws `CONFIG_INVALID` for other keys than Ed25519. */
export function identityFromPrivateKey(protobuf: Uint8Array): Identity {
  const seed = protobuf.subarray(PRIVATE_HEAD.length, PRIVATE_HEAD.length + 32)
  if (protobuf.length !== PRIVATE_HEAD.length + 64 || !equalBytes(protobuf.subarray(0, 4), PRIVATE_HEAD)) {
    throw new ClusterError(
      'CONFIG_INVALID',
      'private_key is not an Ed25519 key in libp2p form: make one with "init"',
    )
  }
  const identity = identityFromSeed(seed)
  if (!equalBytes(identity.privateKey, protobuf)) {
    throw new ClusterError(
      'CONFIG_INVALID',
      'private_key is damaged: its public half does not match its secret half',
    )
  }
  return identity
}

const PUBLIC_KEYS_MAX = 4096

const publicKeyOf = remembered((peer: PeerId): KeyObject | undefined => {
  if (!ED25519_ID.test(peer)) return undefined
  const bytes = base58btc.decode(`z${peer}`)
  const body = bytes.subarray(ID_HEAD.length)
  if (body.length !== 32 || !equalBytes(bytes.subarray(0, ID_HEAD.length), ID_HEAD)) return undefined
  return createPublicKey({ key: Buffer.concat([SPKI_HEAD, body]), format: 'der', type: 'spki' })
}, PUBLIC_KEYS_MAX)

/**
 * Whether `signature` is the peer's own over `bytes`. False also for peer ids that carry no Ed25519 key, and for any
 * other text: it may come from anywhere.
 */
export function isSignedBy(peer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
  const key = publicKeyOf(peer)
  return key !== undefined && signature.length === 64 && verify(null, bytes, key, signature)
}
