import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { ClusterError } from '../errors.ts'
import { compareBytes, concatBytes } from '../lib/bytes.ts'
import { type Cid, cidFromBytes, formatCid, parseCid } from './cid.ts'
import { PIN_BOUNDS, type Pin } from './pin.ts'
import type { GlobalPinInfo } from './pin-status.ts'

/**
 * A request of the Pinning Service API is an entry of the pinset of its own, named by a CID that says all that it is found
 * by: version 1 · a codec of the private range · the identity function · CID of the content, time (6 bytes), chance (6 bytes).
 * So the requests of one content stand together, those of all content do too, and nobody else's entry is among them.
 */
export const REQUEST_CODEC = 0x309097

const IDENTITY = 0x00
const TIME_BYTES = 6
const CHANCE_BYTES = 6
const TAIL_BYTES = TIME_BYTES + CHANCE_BYTES
const NOTHING = new Uint8Array()

/** Bounds of what a request may say, besides those of every pin. */
export const REQUEST_BOUNDS = {
  /** Longest CID of content. */
  cidBytes: 96,
  /** The specification's own bounds: characters of a name, origins. */
  nameLength: 255,
  origins: 20,
  /** CIDs in one question. */
  cids: 10,
  limit: 1000,
} as const

/** Chance in the name of a request, in bytes. */
export const REQUEST_CHANCE_BYTES = CHANCE_BYTES

/** Metadata of a request that tells whose it is; of a content pin, that it is there for requests only. */
export const OWNER_KEY = 'pinfold.request.owner'
/** Metadata of a content pin that is there because of requests, and goes with the last of them. */
export const HELD_KEY = 'pinfold.pinned-by-requests'

/** All requests. */
export const EVERY_REQUEST = {
  from: CID.create(1, REQUEST_CODEC, createDigest(IDENTITY, NOTHING)),
  to: CID.create(1, REQUEST_CODEC, createDigest(IDENTITY + 1, NOTHING)),
} as const

const HEAD = EVERY_REQUEST.from.bytes.subarray(0, -2)

/** Whether a CID, given by its bytes from `at` on, names a request. */
export function isRequestName(bytes: Uint8Array, at = 0): boolean {
  return bytes[at + 1] === HEAD[1] && compareBytes(bytes.subarray(at, at + HEAD.length), HEAD) === 0
}

/** The CID of a new request. */
export function requestCid(content: Cid, createdMs: number, chance: Uint8Array): Cid {
  const time = Buffer.alloc(TIME_BYTES)
  time.writeUIntBE(createdMs, 0, TIME_BYTES)
  return toRequestCid(content, concatBytes([time, chance]))
}

function toRequestCid(content: Cid, tail: Uint8Array): Cid {
  if (content.bytes.length > REQUEST_BOUNDS.cidBytes)
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `the CID is longer than ${REQUEST_BOUNDS.cidBytes} bytes: pin it with the REST API`,
    )
  return CID.create(1, REQUEST_CODEC, createDigest(IDENTITY, concatBytes([content.bytes, tail])))
}

/** The requests of one content, as a range of the pinset. */
export function requestsOf(content: Cid): { readonly from: Cid; readonly to: Cid } {
  return {
    from: toRequestCid(content, new Uint8Array(TAIL_BYTES)),
    to: toRequestCid(content, new Uint8Array(TAIL_BYTES).fill(0xff)),
  }
}

/** What the name of a request says. */
export interface RequestName {
  readonly content: Cid
  /** Unix milliseconds. */
  readonly createdMs: number
}

/** When the request of that CID was made, Unix milliseconds: the name read without the content in it. */
export function createdMsIn({ bytes }: Cid): number {
  let ms = 0
  for (let at = bytes.length - TAIL_BYTES; at < bytes.length - CHANCE_BYTES; at++)
    ms = ms * 256 + (bytes[at] ?? 0)
  return ms
}

/** What the CID of a request says; undefined when it names none. */
export function parseRequestName(cid: Cid): RequestName | undefined {
  const { digest, code } = cid.multihash
  if (!isRequestName(cid.bytes) || code !== IDENTITY || digest.length <= TAIL_BYTES) return undefined
  try {
    const content = cidFromBytes(digest.subarray(0, -TAIL_BYTES))
    const tail = Buffer.from(digest.subarray(-TAIL_BYTES))
    return { content, createdMs: tail.readUIntBE(0, TIME_BYTES) }
  } catch (thrown) {
    if (thrown instanceof ClusterError) return undefined
    throw thrown
  }
}

/** The CID of the request that a text names. Throws `INVALID_ARGUMENT` for no CID, `NOT_FOUND` for one of something else. */
export function parseRequestId(text: string): Cid {
  if (text.length > PIN_BOUNDS.cidBytes)
    throw new ClusterError('INVALID_ARGUMENT', 'error decoding requestID: too long')
  const cid = parseCid(text)
  if (parseRequestName(cid) === undefined) throw noSuchRequest()
  return cid
}

/** There is no such request, or none of this owner. */
export function noSuchRequest(): ClusterError {
  return new ClusterError('NOT_FOUND', 'pin not found')
}

/** How far a request has come. */
export const REQUEST_STATUSES = ['queued', 'pinning', 'pinned', 'failed'] as const
export type RequestStatus = (typeof REQUEST_STATUSES)[number]

/** How names are compared: as they are or without regard to case, whole or in part. */
export const NAME_MATCHES = ['exact', 'iexact', 'partial', 'ipartial'] as const
export type NameMatch = (typeof NAME_MATCHES)[number]

/** What a user asks for. */
export interface WantedRequest {
  readonly cid: Cid
  readonly name: string
  readonly meta: Readonly<Record<string, string>>
  readonly origins: readonly string[]
}

/** A request, and how far it has come. */
export interface PinRequest extends WantedRequest {
  readonly id: string
  /** Unix milliseconds. */
  readonly createdMs: number
  readonly status: RequestStatus
  /** Addresses of the IPFS nodes that are to have the content. */
  readonly delegates: readonly string[]
  /** On how many peers the content is pinned, of how many that are to have it; undefined when nobody was asked. */
  readonly copies: { readonly there: number; readonly wanted: number } | undefined
  /** Why it failed; '' when it did not. */
  readonly error: string
}

/** Which requests to show. Everything that is given must be so. */
export interface RequestFilter {
  /** undefined = of every owner. */
  readonly owner: string | undefined
  /** undefined = of any content. */
  readonly cids: readonly Cid[] | undefined
  readonly name: { readonly text: string; readonly match: NameMatch } | undefined
  /** Created before and after these times, Unix milliseconds, themselves left out. */
  readonly beforeMs: number | undefined
  readonly afterMs: number | undefined
  readonly meta: Readonly<Record<string, string>>
  /** undefined = any. */
  readonly statuses: ReadonlySet<RequestStatus> | undefined
  readonly limit: number
}

/** Some of the requests that fit, and how many there are. */
export interface RequestList {
  readonly count: number
  readonly requests: readonly PinRequest[]
}

/** On whose behalf requests are made and seen. */
export interface Requester {
  /** '' = nobody in particular. */
  readonly owner: string
  /** Whether requests of others are seen as well, and may be changed. */
  readonly isEveryOwner: boolean
}

/** The text that names a request. */
export function formatRequestId(entry: Cid): string {
  return formatCid(entry)
}

/** Tells whether a name fits. */
export function nameTest({
  text,
  match,
}: {
  readonly text: string
  readonly match: NameMatch
}): (name: string) => boolean {
  const isAnyCase = match === 'iexact' || match === 'ipartial'
  const fold = (name: string) => (isAnyCase ? name.toLowerCase() : name)
  const wanted = fold(text)
  return match === 'exact' || match === 'iexact'
    ? name => fold(name) === wanted
    : name => fold(name).includes(wanted)
}

/** What the states of the content on its peers make of a request. */
export interface RequestProgress extends Pick<PinRequest, 'status' | 'copies' | 'error' | 'delegates'> {}

/**
 * A request is `pinned` once as many peers have the content as the pin needs at least: all that answer when every peer is to
 * have it. Else it is what the furthest of the others does, and `failed` when none of them is at work or waits.
 */
export function toProgress({ pin, peers }: GlobalPinInfo): RequestProgress {
  const states = [...peers.values()].filter(({ status }) => status !== 'remote')
  const count = (...statuses: readonly string[]) =>
    states.filter(({ status }) => statuses.includes(status)).length
  const there = count('pinned', 'sharded')
  const silent = count('cluster_error')
  const needed = neededCopies(pin, states.length - silent)
  const copies = { there, wanted: states.length }
  const delegates = [...new Set(states.flatMap(({ ipfsPeerAddresses }) => ipfsPeerAddresses))]
  const done = (status: RequestStatus, error = '') => ({
    status,
    error,
    copies,
    delegates: publicFirst(delegates),
  })
  if (pin === undefined) return done('queued')
  if (there >= needed) return done('pinned')
  if (count('pinning') > 0) return done('pinning')
  if (count('pin_queued', 'unpin_queued', 'unpinning', 'unpinned', 'unexpectedly_unpinned') > 0)
    return done('queued')
  const failed = states.filter(({ status }) => status === 'pin_error' || status === 'unpin_error')
  if (there > 0 && failed.length === 0) return done('pinned')
  const [first] = failed.length > 0 ? failed : states
  return done('failed', first?.error ?? 'no peer keeps the content')
}

/** How many copies make a pin done, of those that can be asked. */
export function neededCopies(pin: Pick<Pin, 'replicationMin'> | undefined, answering: number): number {
  return pin !== undefined && pin.replicationMin > 0 ? pin.replicationMin : Math.max(1, answering)
}

const DELEGATES_MAX = 20
const NOT_PUBLIC =
  /^\/ip4\/(?:127|10|192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))\.|^\/ip6\/(?:::1\/|f[cdef])/

/** Addresses to tell strangers: the public ones if there are any. */
export function publicFirst(addresses: readonly string[]): readonly string[] {
  const reachable = addresses.filter(address => !NOT_PUBLIC.test(address))
  return (reachable.length > 0 ? reachable : addresses).slice(0, DELEGATES_MAX)
}
