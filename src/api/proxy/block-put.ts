import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { ClusterError } from '../../errors.ts'
import type { Cluster, Ipfs } from '../../interfaces.ts'
import { codecCode } from '../../lib/codec-names.ts'
import { type HashFunction, hashFunctionNamed } from '../../lib/multihashes.ts'
import { type Cid, formatCid } from '../../model/cid.ts'
import { NO_OPTIONS } from '../../model/pin.ts'
import { boundaryOf, readParts } from '../multipart.ts'
import { discardBody, readBody } from '../request-body.ts'
import type { ProxyExchange } from './exchange.ts'
import { flagOf } from './flag.ts'
import type { PaceContext } from './paced-writer.ts'
import type { KuboReply } from './reply.ts'

/** What storing blocks needs. */
export interface BlockPutParts {
  readonly cluster: Pick<Cluster, 'pin'>
  readonly ipfs: Pick<Ipfs, 'putBlocks'>
  readonly context: PaceContext
}

/** The largest block that every IPFS node takes from another, and the largest that is ever stored. */
const BLOCK_BYTES_MAX = 2 * 1024 * 1024
const BIG_BLOCK_BYTES_MAX = 64 * 1024 * 1024
const LEGACY_FORMATS: Readonly<Record<string, string>> = {
  v0: 'dag-pb',
  protobuf: 'dag-pb',
  cbor: 'dag-cbor',
}

/** How bytes are named. */
type NameBlock = (bytes: Uint8Array) => Cid

/** `block/put`: every part of the upload is a block, stored in this peer's own node and pinned when asked for. */
export async function blockPut(
  { cluster, ipfs, context }: BlockPutParts,
  { request, response, query, signal, stopping }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const nameBlock = namerOf(query)
  const bytesMax = flagOf(query, 'allow-big-block') ? BIG_BLOCK_BYTES_MAX : BLOCK_BYTES_MAX
  const isPinned = flagOf(query, 'pin')
  const boundary = boundaryOf(request.headers['content-type'])
  const store = async function* () {
    for await (const part of readParts(readBody(request, signal, context), boundary)) {
      const bytes = await collectBlock(part.content, bytesMax)
      const cid = nameBlock(bytes)
      await ipfs.putBlocks(only({ cid, bytes }), { signal })
      if (isPinned) await cluster.pin(cid, { ...NO_OPTIONS, signal: stopping })
      yield { Key: formatCid(cid), Size: bytes.length }
    }
  }
  reply.setHeader('x-chunked-output', '1')
  await reply.sendLines(store(), signal, () => discardBody(request, response, context.clock))
}

/** How the query wants blocks to be named. Throws `INVALID_ARGUMENT`. */
function namerOf(query: URLSearchParams): NameBlock {
  const format = query.get('format') ?? ''
  const codecName = LEGACY_FORMATS[format] ?? (format || query.get('cid-codec') || 'raw')
  const codec = codecCode(codecName)
  if (codec === undefined) throw refused(`unknown multicodec: "${codecName.slice(0, 60)}"`)
  const hashName = query.get('mhtype') || 'sha2-256'
  const hash = hashFunctionNamed(hashName)
  if (hash === undefined) throw refused(`unrecognized multihash function: "${hashName.slice(0, 60)}"`)
  const length = lengthIn(query.get('mhlen') ?? '')
  const isVersion0 = format === 'v0' && hashName === 'sha2-256'
  return bytes => {
    const digest = createDigest(hash.code, digestOf(hash, bytes, length))
    return isVersion0
      ? CID.createV0(digest as CID['multihash'] & { code: 0x12 })
      : CID.createV1(codec, digest)
  }
}

/** How many bytes of the digest are wanted; -1 = all. */
function lengthIn(text: string): number {
  if (text === '') return -1
  return /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN
}

function digestOf(hash: HashFunction, bytes: Uint8Array, length: number): Uint8Array {
  const whole = hash.digest(bytes)
  if (length === -1) return whole
  if (!Number.isInteger(length) || length < 20 || length > whole.length)
    throw refused(`mhlen must be from 20 to ${whole.length} for ${hash.name}`)
  return whole.subarray(0, length)
}

async function collectBlock(content: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of content) {
    sizeBytes += chunk.length
    if (sizeBytes > bytesMax) {
      throw new ClusterError(
        'TOO_LARGE',
        `produced block is over ${bytesMax / 1_048_576}MiB: add larger files as files, or pass allow-big-block=true for up to 64 MiB`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function* only<Item>(item: Item): AsyncGenerator<Item> {
  yield item
}

function refused(message: string): ClusterError {
  return new ClusterError('INVALID_ARGUMENT', message)
}
