import type { Rpc } from '../interfaces.ts'
import { onlyAnswer } from './fan-out.ts'
import type { AskNoRoom } from './repin/claims.ts'

/** Questions to other peers, and to this one, about what finds no room there. */
export function makeAskNoRoom(rpc: Pick<Rpc, 'call'>): AskNoRoom {
  return async (peer, after, options) => (await onlyAnswer(rpc.call(peer, 'noRoom', { after }, options))).cids
}
