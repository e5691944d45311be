import { PIN_STATUSES } from '../model/pin-status.ts'
import type { PinSummary } from '../model/pin-summary.ts'
import type { LastFailure, PinWhy } from '../model/pin-why.ts'
import { asCode, pinInfoCodec } from './pin-codec.ts'
import { type Codec, Fields, refuse } from './wire.ts'

/** Counts of the answering peer. */
export const summaryCodec: Codec<PinSummary> = {
  toWire: ({ statuses, reasons, ...counts }) => ({
    ...counts,
    statuses: Object.fromEntries(statuses),
    reasons: Object.fromEntries(reasons),
  }),
  fromWire: wire => {
    const fields = new Fields(wire, 'summary')
    return {
      pinsCount: fields.count('pinsCount'),
      statuses: new Map(countsFrom(fields, 'statuses', toStatus)),
      reasons: new Map(countsFrom(fields, 'reasons', asCode)),
      givenUpCount: fields.count('givenUpCount'),
      ipfsFailure: fields.text('ipfsFailure'),
    }
  },
}

/** What the answering peer knows of a CID. */
export const whyCodec: Codec<PinWhy> = {
  toWire: why => ({ ...why, info: pinInfoCodec.toWire(why.info) }),
  fromWire: wire => {
    const fields = new Fields(wire, 'why')
    return {
      info: pinInfoCodec.fromWire(fields.raw('info')),
      wants: fields.oneOf('wants', ['recursive', 'direct', 'nothing']),
      has: fields.oneOf('has', ['recursive', 'direct', 'nothing', 'unknown']),
      ipfsFailure: fields.text('ipfsFailure'),
      ...(fields.has('lastFailure') ? { lastFailure: lastFailureFrom(fields.nested('lastFailure')) } : {}),
    }
  },
}

function lastFailureFrom(fields: Fields): LastFailure {
  return { error: fields.text('error'), reason: asCode(fields.text('reason')), atMs: fields.number('atMs') }
}

function countsFrom<Key>(
  fields: Fields,
  key: string,
  toKey: (word: string) => Key,
): readonly (readonly [Key, number])[] {
  const counts = fields.nested(key)
  return counts.keys().map(word => [toKey(word), counts.count(word)] as const)
}

function toStatus(word: string) {
  return PIN_STATUSES.find(status => status === word) ?? refuse(`there is no status "${word.slice(0, 40)}"`)
}
