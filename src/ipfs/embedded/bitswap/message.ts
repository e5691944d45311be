import { CID } from 'multiformats/cid'
import { create as createMultihash } from 'multiformats/hashes/digest'
import { ByteReader } from '../../../lib/byte-reader.ts'
import { ByteWriter } from '../../../lib/byte-writer.ts'
import { hashFunctionOf } from '../../../lib/multihashes.ts'
import type { Cid } from '../../../model/cid.ts'

/*
 * Messages of bitswap 1.2 (https://specs.ipfs.tech/bitswap-protocol/), a protobuf:
 *
 *   Message   1: wantlist, 3: block (repeated), 4: presence (repeated), 5: pending bytes
 *   Wantlist  1: entry (repeated), 2: whether it replaces what was wanted before
 *   Entry     1: cid, 2: priority, 3: whether it is a cancel, 4: 0 = the block, 1 = whether you have it,
 *             5: whether to answer when you do not have it
 *   Block     1: prefix (version, codec, hash function, digest length: each a varint), 2: bytes
 *   Presence  1: cid, 2: 0 = have, 1 = do not have
 */

/** Whether the block is wanted or only the word that the other has it. */
export type WantKind = 'block' | 'have'

/** An entry of a wantlist; kind undefined = it is wanted no more. */
export interface WantEntry {
  readonly cid: Cid
  readonly kind: WantKind | undefined
  readonly isAnsweredAlways: boolean
}

/** What one node tells another. */
export interface BitswapMessage {
  readonly isFullList: boolean
  readonly wants: readonly WantEntry[]
  /** Blocks under the names that their bytes hash to. */
  readonly blocks: readonly { readonly cid: Cid; readonly bytes: Uint8Array }[]
  readonly presences: readonly { readonly cid: Cid; readonly isHad: boolean }[]
}

/** Largest message that is read; other nodes send none that is larger. */
export const MESSAGE_BYTES_MAX = 4_456_448

/** Longer ones carry their block in themselves, so that nobody needs to ask for it; and what is asked for is remembered. */
const CID_BYTES_MAX = 256
const VARINT_BYTES_MAX = 10
const DIGEST_BYTES_MIN = 20
const PRIORITY = 1

/** A message in bytes. */
export function encodeMessage(message: BitswapMessage): Uint8Array {
  const writer = new ByteWriter()
  if (message.wants.length > 0 || message.isFullList) writer.byte(0x0a).bytes(encodeWantlist(message))
  for (const { cid, bytes } of message.blocks) {
    const prefix = new ByteWriter()
      .uint(cid.version)
      .uint(cid.code)
      .uint(cid.multihash.code)
      .uint(cid.multihash.size)
    const head = new ByteWriter().byte(0x0a).bytes(prefix.finish()).byte(0x12).uint(bytes.length).finish()
    writer
      .byte(0x1a)
      .uint(head.length + bytes.length)
      .raw(head)
      .raw(bytes)
  }
  for (const { cid, isHad } of message.presences) {
    writer.byte(0x22).bytes(
      new ByteWriter()
        .byte(0x0a)
        .bytes(cid.bytes)
        .byte(0x10)
        .byte(isHad ? 0 : 1)
        .finish(),
    )
  }
  return writer.finish()
}

function encodeWantlist({ wants, isFullList }: BitswapMessage): Uint8Array {
  const writer = new ByteWriter()
  for (const { cid, kind, isAnsweredAlways } of wants) {
    const entry = new ByteWriter().byte(0x0a).bytes(cid.bytes).byte(0x10).byte(PRIORITY)
    if (kind === undefined) entry.byte(0x18).byte(1)
    if (kind === 'have') entry.byte(0x20).byte(1)
    if (isAnsweredAlways) entry.byte(0x28).byte(1)
    writer.byte(0x0a).bytes(entry.finish())
  }
  if (isFullList) writer.byte(0x10).byte(1)
  return writer.finish()
}

/**
 * The message in bytes. Blocks whose hash function cannot be checked are left out, and so are CIDs that are too long for a
 * hash. Throws `INVALID_ARGUMENT`.
 */
export function decodeMessage(bytes: Uint8Array): BitswapMessage {
  const wants: WantEntry[] = []
  const blocks: { readonly cid: Cid; readonly bytes: Uint8Array }[] = []
  const presences: { readonly cid: Cid; readonly isHad: boolean }[] = []
  let isFullList = false
  readFields(bytes, (field, value) => {
    if (typeof value === 'number') return
    if (field === 1) isFullList = decodeWantlist(value, wants)
    if (field === 3) {
      const block = decodeBlock(value)
      if (block !== undefined) blocks.push(block)
    }
    if (field === 4) {
      const presence = decodePresence(value)
      if (presence !== undefined) presences.push(presence)
    }
  })
  return { isFullList, wants, blocks, presences }
}

function decodeWantlist(bytes: Uint8Array, wants: WantEntry[]): boolean {
  let isFull = false
  readFields(bytes, (field, value) => {
    if (field === 2 && typeof value === 'number') isFull = value !== 0
    const entry = field === 1 && typeof value !== 'number' ? decodeEntry(value) : undefined
    if (entry !== undefined) wants.push(entry)
  })
  return isFull
}

function decodeEntry(bytes: Uint8Array): WantEntry | undefined {
  const entry = { isCancel: false, isHave: false, isAnsweredAlways: false }
  let cid: Uint8Array = new Uint8Array()
  readFields(bytes, (field, value) => {
    if (field === 1 && typeof value !== 'number') cid = value
    if (field === 3) entry.isCancel = value === 1
    if (field === 4) entry.isHave = value === 1
    if (field === 5) entry.isAnsweredAlways = value === 1
  })
  if (cid.length > CID_BYTES_MAX) return undefined
  const kind = entry.isHave ? 'have' : 'block'
  return {
    cid: CID.decode(cid.slice()),
    kind: entry.isCancel ? undefined : kind,
    isAnsweredAlways: entry.isAnsweredAlways,
  }
}

function decodePresence(bytes: Uint8Array): { readonly cid: Cid; readonly isHad: boolean } | undefined {
  let cid: Uint8Array = new Uint8Array()
  let isHad = true
  readFields(bytes, (field, value) => {
    if (field === 1 && typeof value !== 'number') cid = value
    if (field === 2) isHad = value === 0
  })
  return cid.length > CID_BYTES_MAX ? undefined : { cid: CID.decode(cid.slice()), isHad }
}

function decodeBlock(bytes: Uint8Array): { readonly cid: Cid; readonly bytes: Uint8Array } | undefined {
  let prefix = new Uint8Array()
  let data = new Uint8Array()
  readFields(bytes, (field, value) => {
    if (field === 1 && typeof value !== 'number') prefix = value.slice()
    if (field === 2 && typeof value !== 'number') data = value.slice()
  })
  const reader = new ByteReader(prefix)
  const [version, codec, code, size] = [reader.uint(), reader.uint(), reader.uint(), reader.uint()]
  // Identity is no such function: a "block" under it could pass for one whose digest it merely repeats.
  const hash = hashFunctionOf(code)
  if (hash === undefined || size < DIGEST_BYTES_MIN) return undefined
  const digest = new Uint8Array(hash.digest(data)).subarray(0, size)
  return { cid: CID.create(version === 0 ? 0 : 1, codec, createMultihash(code, digest)), bytes: data }
}

/** Goes through the fields of a protobuf. Numbers beyond 2^53 and fixed-size fields are passed over. */
function readFields(bytes: Uint8Array, take: (field: number, value: number | Uint8Array) => void): void {
  const reader = new ByteReader(bytes)
  while (!reader.isAtEnd) {
    const tag = reader.uint()
    const field = Math.floor(tag / 8)
    const wire = tag % 8
    if (wire === 2) take(field, reader.bytes(MESSAGE_BYTES_MAX))
    else if (wire === 0) take(field, readVarint(reader))
    else reader.raw(wire === 1 ? 8 : 4)
  }
}

function readVarint(reader: ByteReader): number {
  let value = 0
  for (let count = 0; count < VARINT_BYTES_MAX; count++) {
    const byte = reader.byte()
    value += (byte & 0x7f) * 2 ** (7 * count)
    if (byte < 0x80) break
  }
  return value
}
