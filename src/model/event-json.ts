import { choiceSchema, integerSchema, objectSchema, textSchema, type ValueOf } from '../lib/json-schema.ts'
import { alertJsonSchema, toAlertJson } from './alert-json.ts'
import { formatCid } from './cid.ts'
import { type ClusterEvent, EVENT_KINDS, PIN_CHANGES } from './cluster-event.ts'
import { formatTime } from './time-json.ts'

/** JSON of an event; which members there are depends on `kind`. */
export const eventJsonSchema = objectSchema(
  {
    id: textSchema('place in the order: where to go on'),
    kind: choiceSchema([...EVENT_KINDS, 'reset', 'alive']),
    time: textSchema('RFC 3339'),
    teller: textSchema('id of the peer that tells of it, and whose state a status is'),
  },
  {
    cid: textSchema('CID; of kinds pin and status'),
    change: choiceSchema(
      [...PIN_CHANGES, 'joined', 'left', 'raised', 'cleared'],
      'pin: added, changed, set (one of both) or removed; peer: joined or left; alert: raised, changed (another kind of the same alert) or cleared',
    ),
    name: textSchema('of the pin'),
    status: textSchema('state of the CID at the peer'),
    error: textSchema('why the last attempt failed'),
    reason: textSchema('code of the failure'),
    attempts: integerSchema,
    peer: textSchema('peer id; of kind peer'),
    peername: textSchema(),
    alert: alertJsonSchema,
  },
)
/** JSON of an event. */
export type EventJson = ValueOf<typeof eventJsonSchema>

const known = new WeakMap<ClusterEvent, EventJson>()

/** JSON of an event; the same object for the same event, since many may read it. */
export function toEventJson(event: ClusterEvent): EventJson {
  const json = known.get(event) ?? convert(event)
  known.set(event, json)
  return json
}

function convert(event: ClusterEvent): EventJson {
  const { id, kind, atMs, teller } = event
  const base = { id, kind, time: formatTime(atMs), teller }
  switch (event.kind) {
    case 'pin':
      return { ...base, cid: formatCid(event.cid), change: event.change, name: event.name }
    case 'status':
      return {
        ...base,
        cid: formatCid(event.cid),
        status: event.status,
        ...(event.error === '' ? {} : { error: event.error }),
        ...(event.reason === undefined ? {} : { reason: event.reason }),
        attempts: event.attemptCount,
      }
    case 'peer':
      return { ...base, peer: event.peer, peername: event.peername, change: event.change }
    case 'alert':
      return { ...base, change: event.change, alert: toAlertJson(event.alert) }
    default:
      return base
  }
}
