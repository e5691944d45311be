import type { Procedures } from '../interfaces.ts'
import { REBALANCE_STATES, type RebalanceStatus } from '../model/rebalance.ts'
import { type Codec, Fields, withoutUndefined } from './wire.ts'

/** What keeps the answering peer from being switched off. */
export const ownLeftCodec: Codec<Procedures['left']['output']> = {
  toWire: left => ({ ...left }),
  fromWire: wire => {
    const fields = new Fields(wire, 'left')
    return { allocatedCount: fields.count('allocatedCount'), handOverCount: fields.count('handOverCount') }
  },
}

/** What another peer is to do about its rebalance. */
export const rebalanceInputCodec: Codec<Procedures['rebalance']['input']> = {
  toWire: ({ action }) => ({ action }),
  fromWire: wire => ({ action: new Fields(wire, 'input').oneOf('action', ['status', 'stop']) }),
}

/** How far the answering peer's rebalance has come. */
export const rebalanceStatusCodec: Codec<RebalanceStatus> = {
  toWire: status => withoutUndefined({ ...status }),
  fromWire: wire => {
    const fields = new Fields(wire, 'rebalance')
    const time = (key: string) => fields.optional(key, name => fields.number(name))
    return {
      peer: fields.text('peer'),
      state: fields.oneOf('state', REBALANCE_STATES),
      copiesPlanned: fields.count('copiesPlanned'),
      copiesMoved: fields.count('copiesMoved'),
      pinsMoved: fields.count('pinsMoved'),
      refusedCount: fields.count('refusedCount'),
      pinsPerSecond: fields.number('pinsPerSecond'),
      startedAtMs: time('startedAtMs'),
      endedAtMs: time('endedAtMs'),
      reason: fields.text('reason'),
    }
  },
}
