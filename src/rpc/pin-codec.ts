import { CODES, type Code } from '../errors.ts'
import { PIN_TYPES, type Pin } from '../model/pin.ts'
import { PIN_STATUSES, type PinInfo } from '../model/pin-status.ts'
import { plainInfoFromBytes, plainInfoToBytes } from './plain-info.ts'
import { type Codec, Fields, withoutUndefined } from './wire.ts'

/** An entry of the pinset. */
export const pinCodec: Codec<Pin> = {
  toWire: pin =>
    withoutUndefined({
      ...pin,
      allocations: [...pin.allocations],
      userAllocations: [...pin.userAllocations],
      origins: [...pin.origins],
    }),
  fromWire: wire => {
    const fields = new Fields(wire, 'pin')
    return {
      cid: fields.cid('cid'),
      type: fields.oneOf('type', PIN_TYPES),
      allocations: fields.texts('allocations'),
      maxDepth: fields.integer('maxDepth'),
      reference: fields.optional('reference', key => fields.cid(key)),
      timestampMs: fields.number('timestampMs'),
      name: fields.text('name'),
      mode: fields.oneOf('mode', ['recursive', 'direct']),
      replicationMin: fields.integer('replicationMin'),
      replicationMax: fields.integer('replicationMax'),
      shardSizeBytes: fields.count('shardSizeBytes'),
      userAllocations: fields.texts('userAllocations'),
      expireAtMs: fields.optional('expireAtMs', key => fields.number(key)),
      metadata: fields.textMap('metadata'),
      pinUpdate: fields.optional('pinUpdate', key => fields.cid(key)),
      origins: fields.texts('origins'),
    }
  },
}

/** The state of a CID on the answering peer: bytes when there is nothing unusual about it, else a map. */
export const pinInfoCodec: Codec<PinInfo> = {
  toWire: info =>
    plainInfoToBytes(info) ?? withoutUndefined({ ...info, pin: info.pin && pinCodec.toWire(info.pin) }),
  fromWire: wire => {
    if (wire instanceof Uint8Array) return plainInfoFromBytes(wire)
    const fields = new Fields(wire, 'pin info')
    return {
      cid: fields.cid('cid'),
      status: fields.oneOf('status', PIN_STATUSES),
      timestampMs: fields.number('timestampMs'),
      error: fields.text('error'),
      attemptCount: fields.count('attemptCount'),
      isPriority: fields.flag('isPriority'),
      ...failureFrom(fields),
      ...(fields.has('blocksCount') ? { blocksCount: fields.count('blocksCount') } : {}),
      ...(fields.has('isHeld') && fields.flag('isHeld') ? { isHeld: true as const } : {}),
      pin: fields.optional('pin', key => pinCodec.fromWire(fields.raw(key))),
    }
  },
}

/** A later version may have reasons that this one does not know. */
export function asCode(text: string): Code {
  return Object.hasOwn(CODES, text) ? (text as Code) : 'INTERNAL'
}

function failureFrom(fields: Fields): Pick<PinInfo, 'reason' | 'nextAttemptMs' | 'isGivenUp'> {
  return {
    ...(fields.has('reason') ? { reason: asCode(fields.text('reason')) } : {}),
    ...(fields.has('nextAttemptMs') ? { nextAttemptMs: fields.number('nextAttemptMs') } : {}),
    ...(fields.has('isGivenUp') && fields.flag('isGivenUp') ? { isGivenUp: true as const } : {}),
  }
}
