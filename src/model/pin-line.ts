import { ClusterError, messageOf } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import type { WantedPin } from './bulk.ts'
import { type Cid, parseCid } from './cid.ts'
import { parsePeerId } from './peer.ts'
import { checkBounds, PIN_BOUNDS, type Pin, type PinOptions } from './pin.ts'
import { parsePinJson, pinJsonSchema } from './pin-json.ts'

/** What a line of a request to pin may say: everything in the JSON of a pin, and two short forms. */
const PIN_MEMBERS: ReadonlySet<string> = new Set([
  ...Object.keys(Object(pinJsonSchema['properties'])),
  'replication',
  'expire_in',
])

type Members = Readonly<Record<string, unknown>>

/**
 * The pin that a line asks for: JSON of a pin with at least `cid`, a CID as JSON text, or a bare CID. What it does not say,
 * or says with an empty value, is taken from `defaults`. Throws `INVALID_ARGUMENT` naming what is wrong, `REFUSED` for
 * parts of a sharded DAG.
 */
export function parsePinLine(text: string, defaults: PinOptions, nowMs: number): WantedPin {
  const json = parseLine(text)
  if (typeof json === 'string') return { cid: cidOf(json), options: defaults, isEntry: false }
  for (const name in json) {
    if (!PIN_MEMBERS.has(name))
      refuse(`unknown member "${name.slice(0, 100)}": see the members of a pin in the documentation`)
  }
  const pin = parsePinJson(json)
  if (pin.type !== 'pin') {
    throw new ClusterError(
      'REFUSED',
      `this is a ${pin.type}, no pin of content: only an import of the state can write it`,
    )
  }
  const isEntry = pin.timestampMs !== 0
  const options = toOptions(json, pin, defaults, nowMs, isEntry)
  checkStorable(pin.cid, options)
  return { cid: pin.cid, options, isEntry }
}

function toOptions(
  json: Members,
  pin: Pin,
  defaults: PinOptions,
  nowMs: number,
  isEntry: boolean,
): PinOptions {
  const both = replicationOf(json['replication'])
  const wished = json['user_allocations']
  const peers = Array.isArray(wished) && wished.length > 0 ? wished.map(toPeer) : pin.allocations
  const hasMode = (json['mode'] ?? json['max_depth'] ?? '') !== ''
  return {
    name: pin.name || defaults.name,
    mode: hasMode ? pin.mode : defaults.mode,
    replicationMin: both || pin.replicationMin || defaults.replicationMin,
    replicationMax: both || pin.replicationMax || defaults.replicationMax,
    shardSizeBytes: pin.shardSizeBytes || defaults.shardSizeBytes,
    userAllocations: peers.length > 0 ? peers : defaults.userAllocations,
    expireAtMs: pin.expireAtMs ?? expiryIn(json['expire_in'], nowMs) ?? defaults.expireAtMs,
    metadata: { ...defaults.metadata, ...pin.metadata },
    pinUpdate: pin.pinUpdate ?? (isEntry ? undefined : defaults.pinUpdate),
    origins: pin.origins.length > 0 ? pin.origins : defaults.origins,
  }
}

function toPeer(text: unknown): string {
  return typeof text === 'string' ? parsePeerId(text) : refuse('"user_allocations" is not a list of texts')
}

function replicationOf(value: unknown): number {
  if (value === undefined || value === null) return 0
  return Number.isSafeInteger(value) ? Number(value) : refuse('"replication" is not an integer')
}

function expiryIn(value: unknown, nowMs: number): number | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const ms = typeof value === 'string' ? parseDuration(value) : refuse('"expire_in" is not a text like 48h')
  return ms >= 1000 ? nowMs + ms : refuse('"expire_in" is shorter than a second')
}

/** The CID in a line: a bare one, one as JSON text, or the `cid` of an object. Throws `INVALID_ARGUMENT`. */
export function parseCidLine(text: string): Cid {
  const json = parseLine(text)
  const cid = typeof json === 'string' ? json : json['cid']
  return typeof cid === 'string' ? cidOf(cid) : refuse('it has no "cid" with the text of a CID')
}

/** The entry in a line of a state export. Throws `INVALID_ARGUMENT` naming what is wrong. */
export function parseEntryLine(text: string): Pin {
  const json = parseLine(text)
  if (typeof json === 'string') refuse('a line of an export is a JSON object')
  const pin = parsePinJson(json)
  checkStorable(pin.cid, pin)
  if (pin.allocations.length > PIN_BOUNDS.allocations)
    refuse(`"allocations" has more than ${PIN_BOUNDS.allocations} entries`)
  const { expireAtMs, timestampMs } = pin
  // Times before 1970 say as little as none: pins are younger.
  return {
    ...pin,
    timestampMs: Math.max(0, timestampMs),
    expireAtMs: expireAtMs !== undefined && expireAtMs > 0 ? expireAtMs : undefined,
  }
}

function cidOf(text: string): Cid {
  const cid = parseCid(text)
  return cid.bytes.length <= PIN_BOUNDS.cidBytes ? cid : refuse('its CID is too long')
}

function checkStorable(cid: Cid, options: PinOptions): void {
  if (cid.bytes.length > PIN_BOUNDS.cidBytes) refuse('its CID is too long')
  if (options.shardSizeBytes < 0) refuse('"shard_size" is negative')
  checkBounds(options)
}

function parseLine(text: string): Members | string {
  const first = text.trimStart().charAt(0)
  if (first !== '{' && first !== '"' && first !== '[') return text.trim()
  const json = parseText(text)
  const isKnown = typeof json === 'string' || (typeof json === 'object' && json !== null)
  return isKnown && !Array.isArray(json) ? (json as Members | string) : refuse('it is not a JSON object')
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    return refuse(`it is not JSON: ${messageOf(cause)}`, cause)
  }
}

function refuse(what: string, cause?: unknown): never {
  throw new ClusterError('INVALID_ARGUMENT', `not a pin: ${what}`, { cause })
}
