import type { Consensus, Options } from '../interfaces.ts'
import { type Cid, formatCid } from '../model/cid.ts'
import { NO_OPTIONS, PIN_BOUNDS, type Pin, toPin } from '../model/pin.ts'
import {
  formatRequestId,
  HELD_KEY,
  OWNER_KEY,
  type PinRequest,
  parseRequestName,
  type RequestProgress,
  requestsOf,
  type WantedRequest,
} from '../model/pin-request.ts'
import { type Placing, toPlaced } from './pin.ts'

/** Requests alone, of all that the pinset has. */
export const REQUESTS: ReadonlySet<'request'> = new Set(['request'])

/** The entry of a request. */
export function toEntry(entry: Cid, wanted: WantedRequest, owner: string, nowMs: number): Pin {
  return toPin(entry, {
    type: 'request',
    name: wanted.name,
    metadata: owner === '' ? wanted.meta : { ...wanted.meta, [OWNER_KEY]: owner },
    origins: wanted.origins,
    reference: wanted.cid,
    timestampMs: nowMs,
  })
}

/** Whose request an entry is; '' = nobody's in particular. */
export function ownerOf({ metadata }: Pick<Pin, 'metadata'>): string {
  return metadata[OWNER_KEY] ?? ''
}

/** What an entry asks for; undefined for one whose name is no request's. */
export function wantedIn(entry: Pin): (WantedRequest & { readonly createdMs: number }) | undefined {
  const name = parseRequestName(entry.cid)
  if (name === undefined) return undefined
  const { [OWNER_KEY]: _owner, ...meta } = entry.metadata
  const { content: cid, createdMs } = name
  return { cid, name: entry.name, meta, origins: entry.origins, createdMs }
}

/** The request as it is answered. */
export function toRequest(
  entry: Cid,
  wanted: WantedRequest & { readonly createdMs: number },
  progress: RequestProgress,
): PinRequest {
  return { ...wanted, ...progress, id: formatRequestId(entry) }
}

/** The first requests of a content, oldest first. */
export async function firstRequests(
  consensus: Pick<Consensus, 'pins'>,
  content: Cid,
  limit: number,
  { signal }: Options,
): Promise<readonly Pin[]> {
  const found: Pin[] = []
  for await (const pin of consensus.pins({ ...requestsOf(content), types: REQUESTS, limit }, { signal })) {
    found.push(pin)
  }
  return found
}

/** Whether a content pin is there for requests only. One that was made from another carries that one's CID, and is not. */
export function isHeld(pin: Pin): boolean {
  return pin.type === 'pin' && pin.metadata[HELD_KEY] === formatCid(pin.cid)
}

/** The content pin that a request needs where `existing` stands; undefined when that will do. */
export function contentFor(
  wanted: WantedRequest,
  existing: Pin | undefined,
  placing: Placing,
): Pin | undefined {
  const { cid, name, origins } = wanted
  if (existing === undefined) {
    const metadata = { [HELD_KEY]: formatCid(cid) }
    return toPlaced(cid, { ...NO_OPTIONS, name, origins, metadata }, undefined, placing)
  }
  // The one block of a direct pin is not all that was asked for.
  if (existing.type === 'pin' && existing.mode === 'direct')
    return toPlaced(cid, { ...existing, mode: 'recursive' }, existing, placing)
  const merged = [...new Set([...origins, ...existing.origins])].slice(0, PIN_BOUNDS.origins)
  if (!isHeld(existing) || origins.every(origin => existing.origins.includes(origin))) return undefined
  return { ...existing, origins: merged, timestampMs: placing.nowMs }
}
