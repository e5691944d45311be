import { ClusterError } from '../errors.ts'
import { ByteReader } from '../lib/byte-reader.ts'
import { ByteWriter } from '../lib/byte-writer.ts'
import { concatBytes } from '../lib/bytes.ts'
import { type Identity, isSignedBy } from '../model/identity.ts'
import type { PeerId } from '../model/peer.ts'
import { clientIdOf } from './client-id.ts'
import type { ReceivedChange } from './job-queue.ts'
import type { PartitionChange } from './part.ts'
import { splitItem } from './record.ts'
import { CHANGE_BOUNDS, decodeChange } from './update.ts'

/** Largest envelope that is made or read. */
export const ENVELOPE_BYTES_MAX = 768 * 1024

const FORMAT = 3
const SIGNATURE_BYTES = 64
const CHANGES_MAX = 65_536
const CID_BYTES_MAX = 512
const CID_BYTES_MIN = 4

/**
 * Changes by one writer, as they travel: format · writer · incarnation · count of changes · for each its partition, time,
 * Yjs update and the CIDs of what it deletes · Ed25519 signature over all of that. Whoever relays it, the
 * signature binds it to its writer.
 */
export interface Envelope {
  readonly writer: PeerId
  readonly changes: readonly ReceivedChange[]
}

/** Signs changes of this peer. */
export function encodeEnvelope(
  identity: Identity,
  incarnation: number,
  changes: readonly PartitionChange[],
): Uint8Array {
  const out = new ByteWriter().byte(FORMAT).text(identity.id).uint(incarnation).uint(changes.length)
  for (const { partition, time, update, deletedCids } of changes) {
    out.uint(partition).uint(time.ms).uint(time.count).bytes(update).uint(deletedCids.length)
    for (const cid of deletedCids) out.bytes(cid)
  }
  const body = out.finish()
  return concatBytes([body, identity.sign(body)])
}

/**
 * Reads and verifies an envelope that `from` has published. `FORBIDDEN` when that one is not trusted, is not the
 * writer, did not sign it, or writes as somebody else; `INVALID_ARGUMENT` when it is damaged. Every size is checked before anything is allocated.
 */
export function openEnvelope(
  bytes: Uint8Array,
  from: PeerId,
  isTrusted: (peer: PeerId) => boolean,
): Envelope {
  if (!isTrusted(from)) throw new ClusterError('FORBIDDEN', `peer ${from} is not trusted to write`)
  if (bytes.length > ENVELOPE_BYTES_MAX || bytes.length <= SIGNATURE_BYTES) {
    throw new ClusterError('INVALID_ARGUMENT', `an envelope of ${bytes.length} bytes is not read`)
  }
  const body = bytes.subarray(0, bytes.length - SIGNATURE_BYTES)
  const input = new ByteReader(body)
  if (input.byte() !== FORMAT)
    throw new ClusterError('INVALID_ARGUMENT', 'an envelope of another version is not read')
  const writer = input.text(128)
  if (writer !== from)
    throw new ClusterError('FORBIDDEN', `peer ${from} sent what peer ${writer} is said to have written`)
  if (!isSignedBy(writer, body, bytes.subarray(bytes.length - SIGNATURE_BYTES))) {
    throw new ClusterError('FORBIDDEN', `an envelope in the name of peer ${writer} is not signed by it`)
  }
  const client = clientIdOf(writer, input.uint())
  const changes: ReceivedChange[] = []
  const count = input.uint(CHANGES_MAX)
  for (let index = 0; index < count; index++) {
    const received = readChange(input)
    if (received.change.values.length > 0 && received.change.client !== client) {
      throw new ClusterError('FORBIDDEN', `peer ${writer} signed a change under another writer's number`)
    }
    changes.push(received)
  }
  input.end()
  return { writer, changes }
}

function readChange(input: ByteReader): ReceivedChange {
  const partition = input.uint(0xffff)
  const time = { ms: input.uint(), count: input.uint(0xffff) }
  const update = input.bytes(ENVELOPE_BYTES_MAX)
  // The CID of every deletion follows, so there can't be more of them than there is room for.
  const change = decodeChange(update, Math.floor(input.left / CID_BYTES_MIN))
  const deletedCids: Uint8Array[] = []
  const deletes = input.uint(CHANGE_BOUNDS.deletes)
  for (let index = 0; index < deletes; index++) deletedCids.push(input.bytes(CID_BYTES_MAX))
  if (deletes !== change.deletes.length)
    throw new ClusterError('INVALID_ARGUMENT', 'a change does not name the CID of each deletion')
  for (const value of change.values) splitItem(value)
  return { partition, time, change, deletedCids }
}
