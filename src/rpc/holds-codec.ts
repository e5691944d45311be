import type { Cid } from '../model/cid.ts'
import { HOLDS_MAX } from '../model/holds.ts'
import { NO_ROOM_MAX } from '../model/no-room.ts'
import { type Codec, Fields, refuse, withoutUndefined } from './wire.ts'

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

/** Behind which CID pins without room are asked for. */
export const noRoomInputCodec: Codec<{ readonly after: Cid | undefined }> = {
  toWire: ({ after }) => withoutUndefined({ after }),
  fromWire: wire => {
    const fields = new Fields(wire, 'input')
    return { after: fields.optional('after', key => fields.cid(key)) }
  },
}

/** Pins without room. */
export const noRoomOutputCodec: Codec<{ readonly cids: readonly Cid[] }> = {
  toWire: ({ cids }) => ({ cids: [...cids] }),
  fromWire: wire => ({ cids: new Fields(wire, 'output').cids('cids', NO_ROOM_MAX) }),
}

function asFlag(value: unknown, what: string): boolean {
  return typeof value === 'boolean' ? value : refuse(`${what} is neither true nor false`)
}
