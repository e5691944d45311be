import { multiaddr } from '@multiformats/multiaddr'
import { ClusterError } from '../errors.ts'
import type { Cid } from './cid.ts'
import type { PeerId } from './peer.ts'

/**
 * What an entry is: content, a part of a sharded DAG, or one of those of which nothing is kept: a request of the Pinning
 * Service API, and what operators have said of a peer. The order is that of the numbers on disk.
 */
export const PIN_TYPES = ['pin', 'meta-pin', 'clusterdag-pin', 'shard-pin', 'request', 'peer-mark'] as const
export type PinType = (typeof PIN_TYPES)[number]

/** What an export may hold: what is said of peers concerns the cluster as it is now, and is not carried elsewhere. */
export const EXPORT_TYPES: ReadonlySet<PinType> = new Set(PIN_TYPES.filter(type => type !== 'peer-mark'))

/** How much of the content: all of it, or the one block. */
export type PinMode = 'recursive' | 'direct'

/** What a user may say about a pin. */
export interface PinOptions {
  readonly name: string
  readonly mode: PinMode
  /** Fewest copies; -1 = on every peer, 0 = the cluster's default. */
  readonly replicationMin: number
  /** Most copies; -1 = on every peer, 0 = the cluster's default. */
  readonly replicationMax: number
  readonly shardSizeBytes: number
  /** Peers to prefer. Not stored. */
  readonly userAllocations: readonly PeerId[]
  /** Unix milliseconds; undefined = never. Whole seconds once stored. */
  readonly expireAtMs: number | undefined
  readonly metadata: Readonly<Record<string, string>>
  /** Take options and allocations from this pin, and let IPFS reuse its blocks. */
  readonly pinUpdate: Cid | undefined
  /** Multiaddrs of IPFS nodes that have the content. */
  readonly origins: readonly string[]
}

/** An entry of the pinset. */
export interface Pin extends PinOptions {
  readonly cid: Cid
  readonly type: PinType
  /** Peers that keep the content; empty = every peer. In the order in which they were chosen. */
  readonly allocations: readonly PeerId[]
  /** -1 recursive, 0 direct, 1 shard. */
  readonly maxDepth: number
  readonly reference: Cid | undefined
  /** Unix milliseconds of the last write. Whole seconds once stored. */
  readonly timestampMs: number
}

/** Options that say nothing: a recursive pin with the cluster's replication. */
export const NO_OPTIONS: PinOptions = {
  name: '',
  mode: 'recursive',
  replicationMin: 0,
  replicationMax: 0,
  shardSizeBytes: 0,
  userAllocations: [],
  expireAtMs: undefined,
  metadata: {},
  pinUpdate: undefined,
  origins: [],
}

/** Bounds of what one pin may carry, so that no entry can grow without limit. */
export const PIN_BOUNDS = {
  cidBytes: 512,
  nameBytes: 4096,
  metadataEntries: 256,
  metadataBytes: 32_768,
  origins: 32,
  originBytes: 4096,
  allocations: 1024,
} as const

/** A content pin with the given options; the rest as a user would expect. */
export function toPin(cid: Cid, options: Partial<Pin> = {}): Pin {
  const mode = options.mode ?? 'recursive'
  return {
    ...NO_OPTIONS,
    cid,
    type: 'pin',
    allocations: [],
    maxDepth: mode === 'direct' ? 0 : -1,
    reference: undefined,
    timestampMs: 0,
    ...options,
  }
}

/** Whether every peer keeps it. */
export function isEverywhere(pin: Pick<Pin, 'replicationMin' | 'replicationMax'>): boolean {
  return pin.replicationMin < 0 && pin.replicationMax < 0
}

/** Whether this peer is to keep the content. */
export function isAllocatedTo(pin: Pin, peer: PeerId): boolean {
  return isEverywhere(pin) || pin.allocations.includes(peer)
}

/** How IPFS must hold the content: depth 0 is a direct pin, everything else a recursive one. */
export function modeOf(pin: Pick<Pin, 'maxDepth'>): PinMode {
  return pin.maxDepth === 0 ? 'direct' : 'recursive'
}

/** Whether two pins ask for the same, whatever their time of writing. */
export function isSameRequest(a: Pin, b: Pin): boolean {
  return fingerprint(a) === fingerprint(b)
}

function fingerprint(pin: Pin): string {
  return JSON.stringify([
    pin.name,
    pin.maxDepth,
    pin.replicationMin,
    pin.replicationMax,
    pin.shardSizeBytes,
    pin.expireAtMs === undefined ? 0 : Math.floor(pin.expireAtMs / 1000),
    Object.entries(pin.metadata).sort(([a], [b]) => (a < b ? -1 : 1)),
    pin.pinUpdate?.toString(),
    pin.origins,
    pin.type,
    isEverywhere(pin) ? [] : [...pin.allocations].sort(),
    pin.reference?.toString(),
  ])
}

/**
 * Fails with `INVALID_ARGUMENT` when a pin exceeds `PIN_BOUNDS`, an origin is no multiaddr with a peer id, or a text holds
 * half of a surrogate pair: UTF-8 has no bytes for it, so that it could not be read back as it was written.
 */
export function checkBounds(options: PinOptions): void {
  const refuse = (what: string) => {
    throw new ClusterError('INVALID_ARGUMENT', what)
  }
  const checkText = (what: string, text: string) => {
    if (!text.isWellFormed()) refuse(`${what} is no Unicode text: it holds half of a surrogate pair`)
  }
  checkText('name', options.name)
  if (Buffer.byteLength(options.name) > PIN_BOUNDS.nameBytes)
    refuse(`name is longer than ${PIN_BOUNDS.nameBytes} bytes`)
  const entries = Object.entries(options.metadata)
  if (entries.length > PIN_BOUNDS.metadataEntries)
    refuse(`metadata has more than ${PIN_BOUNDS.metadataEntries} entries`)
  const bytes = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  )
  for (const [key, value] of entries) {
    checkText('a key of metadata', key)
    checkText(`metadata "${key.slice(0, 100)}"`, value)
  }
  if (bytes > PIN_BOUNDS.metadataBytes) refuse(`metadata is larger than ${PIN_BOUNDS.metadataBytes} bytes`)
  if (options.origins.length > PIN_BOUNDS.origins)
    refuse(`origins has more than ${PIN_BOUNDS.origins} entries`)
  for (const origin of options.origins) {
    checkText('an origin', origin)
    if (Buffer.byteLength(origin) > PIN_BOUNDS.originBytes)
      refuse(`an origin is longer than ${PIN_BOUNDS.originBytes} bytes`)
    if (!parseOrigin(origin).includes('/p2p/')) refuse(`multiaddress does not contain peer ID: ${origin}`)
  }
}

function parseOrigin(text: string): string {
  try {
    return multiaddr(text).toString()
  } catch (cause) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `error decoding multiaddress: "${text.slice(0, 200)}" is not one`,
      { cause },
    )
  }
}
