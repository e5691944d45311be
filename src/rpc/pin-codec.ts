import { PIN_TYPES, type Pin } from '../model/pin.ts'
import { PIN_STATUSES, type PinInfo, type PinStatusFilter } from '../model/pin-status.ts'
import { type Codec, Fields, refuse, withoutUndefined } from './wire.ts'

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

/** The state of a CID on the answering peer. */
export const pinInfoCodec: Codec<PinInfo> = {
  toWire: info => withoutUndefined({ ...info, pin: info.pin && pinCodec.toWire(info.pin) }),
  fromWire: wire => {
    const fields = new Fields(wire, 'pin info')
    return {
      cid: fields.cid('cid'),
      status: fields.oneOf('status', PIN_STATUSES),
      timestampMs: fields.number('timestampMs'),
      error: fields.text('error'),
      attemptCount: fields.count('attemptCount'),
      isPriority: fields.flag('isPriority'),
      pin: fields.optional('pin', key => pinCodec.fromWire(fields.raw(key))),
    }
  },
}

/** The input of a listing. */
export const filterCodec: Codec<{ readonly filter: PinStatusFilter }> = {
  toWire: ({ filter }) => (filter === undefined ? {} : { filter: [...filter] }),
  fromWire: wire => {
    const fields = new Fields(wire, 'input')
    if (!fields.has('filter')) return { filter: undefined }
    const words = fields.texts('filter')
    const statuses = words.map(
      word =>
        PIN_STATUSES.find(status => status === word) ?? refuse(`there is no status "${word.slice(0, 40)}"`),
    )
    return { filter: new Set(statuses) }
  },
}
