import { ClusterError } from '../errors.ts'
import {
  ANSWER_BYTES_MAX,
  CALL_BYTES_MAX,
  checkSize,
  errorFromWire,
  errorToWire,
  fromBytes,
  toBytes,
} from './codec.ts'
import { Fields, refuse } from './wire.ts'

/** Something that belongs to the call of a number: the call itself, or its reply, in bytes of its own. */
export type Numbered = readonly [id: number, bytes: Uint8Array]

/** One message of the calling side: calls that begin, and numbers of calls that nobody waits for any more. */
export interface CallsFrame {
  readonly calls: readonly Numbered[]
  readonly cancels: readonly number[]
}

/** The whole answer to one call: its outputs, and the error that ended it. An output is still to be read. */
export interface Reply {
  readonly outputs: readonly unknown[]
  readonly error: ClusterError | undefined
}

/** A message of the calling side, as bytes. */
export function callsToBytes({ calls, cancels }: CallsFrame): Uint8Array {
  return toBytes({ calls, cancels })
}

/** Throws `INVALID_ARGUMENT`, `TOO_LARGE`. */
export function callsFromBytes(bytes: Uint8Array): CallsFrame {
  checkSize('a message of calls', bytes, CALL_BYTES_MAX)
  const fields = new Fields(fromBytes(bytes), 'calls')
  return { calls: fields.list('calls', asNumbered), cancels: fields.list('cancels', asNumber) }
}

/** A message of the answering side, as bytes. */
export function repliesToBytes(replies: readonly Numbered[]): Uint8Array {
  return toBytes({ replies })
}

/** Throws `INVALID_ARGUMENT`, `TOO_LARGE`. */
export function repliesFromBytes(bytes: Uint8Array): readonly Numbered[] {
  checkSize('a message of replies', bytes, ANSWER_BYTES_MAX)
  return new Fields(fromBytes(bytes), 'replies').list('replies', asNumbered)
}

/** One reply, as bytes; one that is too large becomes an error. */
export function replyToBytes({ outputs, error }: Reply): Uint8Array {
  const bytes = toBytes(error === undefined ? { outputs } : { outputs, error: errorToWire(error) })
  if (bytes.length <= ANSWER_BYTES_MAX / 2) return bytes
  const text = `the answer of ${bytes.length} bytes exceeds the limit of ${ANSWER_BYTES_MAX / 2}`
  return toBytes({ outputs: [], error: errorToWire(new ClusterError('TOO_LARGE', text)) })
}

/** Throws `INVALID_ARGUMENT`. */
export function replyFromBytes(bytes: Uint8Array): Reply {
  const fields = new Fields(fromBytes(bytes), 'reply')
  return {
    outputs: fields.list('outputs', wire => wire),
    error: fields.has('error') ? errorFromWire(fields.nested('error')) : undefined,
  }
}

function asNumber(wire: unknown, what: string): number {
  return typeof wire === 'number' && Number.isSafeInteger(wire) && wire >= 0
    ? wire
    : refuse(`${what} has no number`)
}

function asNumbered(wire: unknown, what: string): Numbered {
  if (!Array.isArray(wire) || wire.length !== 2) refuse(`${what} is no pair`)
  const [id, bytes]: readonly unknown[] = wire
  return [asNumber(id, what), bytes instanceof Uint8Array ? bytes : refuse(`${what} has no bytes`)]
}
