import { CID } from 'multiformats/cid'
import { concatBytes } from '../../lib/bytes.ts'
import type { Cid } from '../../model/cid.ts'
import type { PinMode } from '../../model/pin.ts'
import { type BlockKey, blockKeyBytes } from './block-key.ts'

/*
 * What lies in the store, by the first byte of the key:
 *
 *   P block-key cid-prefix → mode, pin id, cid     a pin; the only truth about what is pinned
 *   I pin-id → ''                                  the pin of that id exists
 *   E block-key pin-id → ''                        the pin of that id needs the block
 *
 * A pin of one block has no id: its P entry alone protects the block. Entries E may outlive their pin, or come from a pin
 * that was never completed: without I they mean nothing, and garbage collection removes them.
 */
const PIN = 0x50
const PIN_ID = 0x49
const EDGE = 0x45

/** Length of a pin's id. Ids are random, and one is used once. */
export const PIN_ID_BYTES = 8

const MODES: readonly PinMode[] = ['recursive', 'direct']

/** A pin as stored. */
export interface PinRecord {
  readonly cid: Cid
  readonly mode: PinMode
  /** Under which the blocks below the root are recorded; undefined when there are none. */
  readonly id: Uint8Array | undefined
}

/** Key of the P entry of a CID. */
export function pinStoreKey(cid: Cid): Uint8Array {
  const prefix =
    cid.version === 0
      ? Uint8Array.of(0)
      : cid.bytes.subarray(0, cid.bytes.length - cid.multihash.bytes.length)
  return concatBytes([Uint8Array.of(PIN), blockKeyBytes(cid), prefix])
}

/** Value of a P entry. */
export function encodePin(record: PinRecord): Uint8Array {
  const id = record.id ?? new Uint8Array()
  return concatBytes([Uint8Array.of(MODES.indexOf(record.mode), id.length), id, record.cid.bytes])
}

/** The pin in the value of a P entry. */
export function decodePin(value: Uint8Array): PinRecord {
  const [mode = 0, idLength = 0] = value
  const id = value.slice(2, 2 + idLength)
  return {
    mode: MODES[mode] ?? 'recursive',
    id: idLength === 0 ? undefined : id,
    cid: CID.decode(value.slice(2 + idLength)),
  }
}

/** Key of the I entry of a pin id. */
export function pinIdStoreKey(id: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(PIN_ID), id])
}

/** Key of the E entry that says that the pin of that id needs the block. */
export function edgeStoreKey(key: BlockKey, id: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(EDGE), Buffer.from(key, 'hex'), id])
}

/** Block and pin of an E entry, both in hexadecimal. */
export function decodeEdge(storeKey: Uint8Array): { readonly key: BlockKey; readonly id: string } {
  const text = Buffer.from(storeKey.buffer, storeKey.byteOffset, storeKey.byteLength).toString('hex')
  return { key: text.slice(2, -2 * PIN_ID_BYTES), id: text.slice(-2 * PIN_ID_BYTES) }
}

/** Where all P entries lie. */
export function allPins(): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return { gte: Uint8Array.of(PIN), lt: Uint8Array.of(PIN + 1) }
}

/** Where the P entries of a shard lie. */
export function pinsOfShard(shard: number): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return rangeOfShard(PIN, shard)
}

/** Where the E entries of a shard lie. */
export function edgesOfShard(shard: number): { readonly gte: Uint8Array; readonly lt: Uint8Array } {
  return rangeOfShard(EDGE, shard)
}

function rangeOfShard(first: number, shard: number) {
  return {
    gte: Uint8Array.of(first, shard),
    lt: shard === 0xff ? Uint8Array.of(first + 1) : Uint8Array.of(first, shard + 1),
  }
}
