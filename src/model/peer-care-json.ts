import {
  booleanSchema,
  choiceSchema,
  integerSchema,
  listSchema,
  nullableSchema,
  numberSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import { formatCid } from './cid.ts'
import type { PeerContent, PeerState } from './peer-care.ts'
import { PEER_CONDITIONS } from './peer-health.ts'
import { formatTime } from './time-json.ts'

/** What is said of a peer besides what it says itself, member by member. */
export const careMembers = {
  condition: choiceSchema([...PEER_CONDITIONS, 'unknown'], 'unknown: the peer was never heard of here'),
  phi: numberSchema,
  cordoned: booleanSchema,
  draining: booleanSchema,
  removed: booleanSchema,
  maintenance_until: textSchema("time; '' = there is no maintenance"),
} as const

/** JSON of what is said of a peer. */
export interface CareJson {
  readonly condition: 'alive' | 'suspect' | 'unreachable' | 'gone' | 'unknown'
  readonly phi: number
  readonly cordoned: boolean
  readonly draining: boolean
  readonly removed: boolean
  readonly maintenance_until: string
}

/** JSON of a peer's state. */
export const peerStateJsonSchema = objectSchema({
  peer: textSchema('peer id'),
  peername: textSchema("'' = the peer was never heard of here"),
  ...careMembers,
  heard_at: textSchema('time of the last heartbeat'),
  since: textSchema('time since when the condition holds'),
  trusted: booleanSchema,
})
/** JSON of a peer's state. */
export type PeerStateJson = ValueOf<typeof peerStateJsonSchema>

/** JSON of what a peer keeps. */
export const peerContentJsonSchema = objectSchema({
  peer: textSchema('peer id'),
  peername: textSchema(),
  ...careMembers,
  allocated: integerSchema,
  everywhere: integerSchema,
  hand_over: nullableSchema(integerSchema),
  unplaced: nullableSchema(integerSchema),
  unplaced_first: listSchema(objectSchema({ cid: textSchema('CID'), reason: textSchema() })),
  no_room: {
    ...listSchema(objectSchema({ peer: textSchema('peer id'), peername: textSchema(), pins: integerSchema })),
    description: 'while something is held for hand-over: peers that have no room for what they are to keep',
  },
  empty: booleanSchema,
})
/** JSON of what a peer keeps. */
export type PeerContentJson = ValueOf<typeof peerContentJsonSchema>

/** JSON of what is said of a peer. */
export function toCareJson({ health, mark }: Pick<PeerState, 'health' | 'mark'>): CareJson {
  const { maintenanceUntilMs } = mark
  return {
    condition: health?.condition ?? 'unknown',
    phi: Math.round((health?.phi ?? 0) * 100) / 100,
    cordoned: mark.isCordoned,
    draining: mark.isDraining,
    removed: mark.isRemoved,
    maintenance_until: maintenanceUntilMs === undefined ? '' : formatTime(maintenanceUntilMs),
  }
}

/** JSON of a peer's state. */
export function toPeerStateJson(state: PeerState): PeerStateJson {
  const { peer, peername, health, isTrusted } = state
  return {
    peer,
    peername,
    ...toCareJson(state),
    heard_at: formatTime(health?.heardAtMs),
    since: formatTime(health?.sinceMs),
    trusted: isTrusted,
  }
}

/** JSON of what a peer keeps. */
export function toPeerContentJson(content: PeerContent): PeerContentJson {
  const { state, allocatedCount, everywhereCount, handOverCount, unplacedCount, unplaced } = content
  const { noRoom, isEmpty } = content
  return {
    peer: state.peer,
    peername: state.peername,
    ...toCareJson(state),
    allocated: allocatedCount,
    everywhere: everywhereCount,
    hand_over: handOverCount ?? null,
    unplaced: unplacedCount ?? null,
    unplaced_first: unplaced.map(({ cid, reason }) => ({ cid: formatCid(cid), reason })),
    no_room: noRoom.map(({ peer, peername, pinsCount }) => ({ peer, peername, pins: pinsCount })),
    empty: isEmpty,
  }
}
