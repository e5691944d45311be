import type { Cid } from '../model/cid.ts'
import { HOLDS_MAX } from '../model/holds.ts'
import { type Codec, Fields, refuse } from './wire.ts'

/** What is asked about. */
export const holdsInputCodec: Codec<{ readonly cids: readonly Cid[] }> = {
  toWire: ({ cids }) => ({ cids: [...cids] }),
  fromWire: wire => ({ cids: new Fields(wire, 'input').cids('cids', HOLDS_MAX) }),
}

/** One answer for each CID that was asked about. */
export const holdsOutputCodec: Codec<{ readonly held: readonly boolean[] }> = {
  toWire: ({ held }) => ({ held: [...held] }),
  fromWire: wire => ({ held: new Fields(wire, 'output').list('held', asFlag) }),
}

function asFlag(value: unknown, what: string): boolean {
  return typeof value === 'boolean' ? value : refuse(`${what} is neither true nor false`)
}
