import { ClusterError } from '../errors.ts'
import type { ByteStore, StoreWrite } from '../interfaces.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { Digests } from './digests.ts'
import { DIGEST_BYTES, decodeHead, digestOfBytes, type Head } from './head.ts'
import type { HlcTime } from './hlc.ts'
import { HEADS, metaKey, partitionOfHeadKey } from './keys.ts'
import { decodeTime, encodeTime } from './record.ts'

/** Version of the store's layout (`keys.ts`) and of everything in it. */
const STORE_FORMAT = 2

/** What this peer must remember of itself; written with every batch. */
export interface OwnState {
  /** The latest time that it gave out or followed. */
  readonly time: HlcTime
  readonly pinsCount: number
}

const FORMAT_KEY = metaKey('format')
const OWN_KEY = metaKey('own')
const OWN_WRITERS_KEY = metaKey('own-writers')
const RETIRED_KEY = metaKey('retired')
const CLIENTS_MAX = 10_000_000

/** The write that keeps the own state. */
export function encodeOwnState(state: OwnState): StoreWrite {
  return { key: OWN_KEY, value: new ByteWriter().raw(encodeTime(state.time)).uint(state.pinsCount).finish() }
}

/** The write that keeps the client ids of this peer's own runs that are not retired, this one included. */
export function encodeOwnWriters(clients: Iterable<number>): StoreWrite {
  return { key: OWN_WRITERS_KEY, value: encodeClients(clients) }
}

/** The write that keeps the client ids of retired writers. */
export function encodeRetired(clients: Iterable<number>): StoreWrite {
  return { key: RETIRED_KEY, value: encodeClients(clients) }
}

/** Client ids in bytes, ascending, so that equal sets give equal bytes. */
export function encodeClients(clients: Iterable<number>): Uint8Array {
  const sorted = [...clients].sort((a, b) => a - b)
  const out = new ByteWriter().uint(sorted.length)
  for (const client of sorted) out.uint(client)
  return out.finish()
}

/** Digest of a set of client ids; zero for none. */
export function digestOfClients(clients: ReadonlySet<number>): Uint8Array {
  if (clients.size === 0) return new Uint8Array(DIGEST_BYTES)
  return digestOfBytes(encodeClients(clients))
}

/** Client ids read back. Throws `INVALID_ARGUMENT`. */
export function decodeClients(bytes: Uint8Array): Set<number> {
  const input = new ByteReader(bytes)
  const clients = new Set<number>()
  const count = input.uint(Math.min(CLIENTS_MAX, bytes.length))
  for (let index = 0; index < count; index++) clients.add(input.uint())
  input.end()
  return clients
}

async function readClients(store: ByteStore, key: Uint8Array): Promise<Set<number>> {
  const stored = await store.get(key)
  return stored === undefined ? new Set() : decodeClients(stored)
}

/** Own state, own past writers, retired writers, heads and digests as they stand in the store. */
export async function readState(store: ByteStore, partitionsCount: number) {
  const own = await readMeta(store, partitionsCount)
  const ownWriters = await readClients(store, OWN_WRITERS_KEY)
  const retired = await readClients(store, RETIRED_KEY)
  const heads = new Map<number, Head>()
  const digests = new Digests(partitionsCount, retired)
  for await (const [key, value] of store.entries(HEADS)) {
    const partition = partitionOfHeadKey(key)
    const head = decodeHead(value)
    heads.set(partition, head)
    digests.update(partition, head)
  }
  return { own, ownWriters, retired, heads, digests }
}

/**
 * Reads the own state, after checking that the store is of this format and cut into as many partitions as configured.
 * An empty store becomes one. `STORE_VERSION` or `CONFIG_INVALID` when it does not fit.
 */
async function readMeta(store: ByteStore, partitionsCount: number): Promise<OwnState> {
  const stored = await store.get(FORMAT_KEY)
  if (stored === undefined) await writeMeta(store, partitionsCount)
  else checkFormat(new ByteReader(stored), partitionsCount)
  const own = await store.get(OWN_KEY)
  if (own === undefined) return { time: { ms: 0, count: 0 }, pinsCount: 0 }
  const input = new ByteReader(own)
  return { time: decodeTime(input.raw(8)), pinsCount: input.uint() }
}

function checkFormat(input: ByteReader, partitionsCount: number): void {
  const format = input.uint()
  const partitions = input.uint()
  if (format !== STORE_FORMAT) {
    throw new ClusterError(
      'STORE_VERSION',
      `the pinset on disk is of format ${format}, this program knows format ${STORE_FORMAT}: run the version that wrote it, export its state, and import that here`,
    )
  }
  if (partitions !== partitionsCount) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `consensus.crdt.partitions is ${partitionsCount}, but the pinset on disk has ${partitions} and can't be cut anew: set it back to ${partitions}`,
    )
  }
}

/** Writes format and number of partitions, to disk. */
export async function writeMeta(store: ByteStore, partitionsCount: number): Promise<void> {
  const value = new ByteWriter().uint(STORE_FORMAT).uint(partitionsCount).finish()
  await store.batch([{ key: FORMAT_KEY, value }], { isSynced: true })
}
