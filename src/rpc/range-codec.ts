import type { Code } from '../errors.ts'
import { PIN_TYPES } from '../model/pin.ts'
import type { PinRange } from '../model/pin-range.ts'
import { PIN_STATUSES, type PinStatus, type PinStatusFilter } from '../model/pin-status.ts'
import type { Recovering } from '../model/recover-filter.ts'
import type { Ranged } from '../model/status-range.ts'
import { asCode } from './pin-codec.ts'
import { type Codec, Fields, refuse, withoutUndefined } from './wire.ts'

/** The input of a listing. */
export const listingCodec: Codec<{ readonly filter: PinStatusFilter } & Ranged> = {
  toWire: ({ filter, range }) =>
    withoutUndefined({
      filter: filter && [...filter],
      range: range && withoutUndefined({ ...range, types: range.types && [...range.types] }),
    }),
  fromWire: wire => {
    const fields = new Fields(wire, 'input')
    return {
      filter: fields.optional('filter', key => statusesFrom(fields, key)),
      ...(fields.has('range') ? { range: rangeFrom(fields.nested('range')) } : {}),
    }
  },
}

/** The input of trying again. */
export const recoveringCodec: Codec<Recovering | undefined> = {
  toWire: input => {
    if (input?.filter === undefined) return null
    const { statuses, reasons, limit } = input.filter
    return withoutUndefined({
      statuses: statuses && [...statuses],
      reasons: reasons && [...reasons],
      limit,
    })
  },
  fromWire: wire => {
    if (wire === null) return undefined
    const fields = new Fields(wire, 'input')
    return {
      filter: {
        ...(fields.has('statuses') ? { statuses: statusesFrom(fields, 'statuses') } : {}),
        ...(fields.has('reasons') ? { reasons: new Set<Code>(fields.texts('reasons').map(asCode)) } : {}),
        ...(fields.has('limit') ? { limit: fields.count('limit') } : {}),
      },
    }
  },
}

function statusesFrom(fields: Fields, key: string): ReadonlySet<PinStatus> {
  const words = fields.texts(key)
  return new Set(
    words.map(
      word =>
        PIN_STATUSES.find(status => status === word) ?? refuse(`there is no status "${word.slice(0, 40)}"`),
    ),
  )
}

function rangeFrom(fields: Fields): PinRange {
  const has = (key: string) => fields.has(key)
  return {
    ...(has('after') ? { after: fields.cid('after') } : {}),
    ...(has('from') ? { from: fields.cid('from') } : {}),
    ...(has('to') ? { to: fields.cid('to') } : {}),
    ...(has('limit') ? { limit: fields.count('limit') } : {}),
    ...(has('types') ? { types: new Set(fields.texts('types').map(toType)) } : {}),
    ...(has('namePrefix') ? { namePrefix: fields.text('namePrefix') } : {}),
    ...(has('metadata') ? { metadata: fields.textMap('metadata') } : {}),
    ...(has('allocation') ? { allocation: fields.text('allocation') } : {}),
    ...(has('writtenBeforeMs') ? { writtenBeforeMs: fields.number('writtenBeforeMs') } : {}),
    ...(has('writtenSinceMs') ? { writtenSinceMs: fields.number('writtenSinceMs') } : {}),
  }
}

function toType(word: string) {
  return PIN_TYPES.find(type => type === word) ?? refuse(`there is no type "${word.slice(0, 40)}"`)
}
