import { asyncIterableReader, createDecoder } from '@ipld/car/decoder'
import { decode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { ClusterError, messageOf } from '../errors.ts'
import type { Block, Options } from '../interfaces.ts'
import type { AddEntry, AddedOutput, AddParams } from '../model/add.ts'
import { type Cid, cidKey } from '../model/cid.ts'
import { verifyBlock } from './hashes.ts'

/** Largest section of a CAR that is read: a block of 2 MiB, IPFS' limit for exchange, with ample room for its CID. */
const SECTION_BYTES_MAX = 4 * 1024 * 1024

/**
 * Hands the blocks of a CAR file (version 1 or 2) on as they are, each verified against its CID. One record, for its only
 * root. That the DAG is complete is not checked. Format: https://ipld.io/specs/transport/car/
 */
export async function* importCar(
  entries: AsyncIterable<AddEntry>,
  params: Pick<AddParams, 'wrapWithDirectory'>,
  put: (block: Block) => Promise<void>,
  options: Options,
): AsyncGenerator<AddedOutput> {
  if (params.wrapWithDirectory) {
    throw new ClusterError('INVALID_ARGUMENT', 'cannot wrap a CAR file upload')
  }
  let added: AddedOutput | undefined
  for await (const entry of entries) {
    if (added !== undefined || entry.kind !== 'file') {
      throw new ClusterError(
        'INVALID_ARGUMENT',
        `a CAR upload is exactly one file: "${entry.path}" cannot be taken`,
      )
    }
    added = await importOne(entry.path, entry.content, put, options)
  }
  if (added === undefined)
    throw new ClusterError('INVALID_ARGUMENT', 'nothing to add: the upload has no CAR file')
  yield added
}

async function importOne(
  name: string,
  content: AsyncIterable<Uint8Array>,
  put: (block: Block) => Promise<void>,
  options: Options,
): Promise<AddedOutput> {
  const car = await openCar(name, content)
  let bytes = 0
  let size = 0
  for await (const block of car.blocks) {
    options.signal.throwIfAborted()
    verifyBlock(block.cid, block.bytes)
    if (cidKey(block.cid) === cidKey(car.root)) size = fileSize(block)
    bytes += block.bytes.length
    await put(block)
  }
  return { name, cid: car.root, bytes, ...(size > 0 ? { size } : {}) }
}

interface OpenCar {
  readonly root: Cid
  readonly blocks: AsyncIterable<Block>
}

async function openCar(name: string, content: AsyncIterable<Uint8Array>): Promise<OpenCar> {
  const decoder = createDecoder(boundedReader(content))
  const { roots } = await decoder.header().catch(cause => {
    throw refusal(name, cause)
  })
  const [root] = roots
  if (root === undefined || roots.length > 1) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `CAR file "${name}" must have exactly one root, it has ${roots.length}`,
    )
  }
  return { root, blocks: blocksOf(name, decoder) }
}

async function* blocksOf(name: string, decoder: { blocks(): AsyncIterable<Block> }): AsyncGenerator<Block> {
  const iterator = decoder.blocks()[Symbol.asyncIterator]()
  for (;;) {
    const next = await iterator.next().catch((cause: unknown) => {
      throw refusal(name, cause)
    })
    if (next.done === true) return
    // The reader's buffer is larger than the block and would live as long as it.
    yield { cid: next.value.cid, bytes: next.value.bytes.slice() }
  }
}

/** What the decoder threw, as a fault of the file; what reading the upload threw stays itself. */
function refusal(name: string, cause: unknown): unknown {
  if (cause instanceof ClusterError || cause instanceof ReadFailure)
    return cause instanceof ReadFailure ? cause.cause : cause
  return new ClusterError(
    'INVALID_ARGUMENT',
    `"${name}" is not a CAR file, or is cut off: ${messageOf(cause)}`,
    {
      cause,
    },
  )
}

/** Tells a failure of the upload from one of decoding. */
class ReadFailure extends Error {}

type BytesReader = ReturnType<typeof asyncIterableReader>

/** The library believes any length that a section claims; this refuses what could fill the memory. */
function boundedReader(content: AsyncIterable<Uint8Array>): BytesReader {
  const reader = asyncIterableReader(guarded(content))
  return {
    upTo: length => reader.upTo(length),
    exactly: (length, seek) => {
      if (length >= 0 && length <= SECTION_BYTES_MAX) return reader.exactly(length, seek)
      throw new ClusterError(
        'TOO_LARGE',
        `a section of ${length} bytes is too large: at most ${SECTION_BYTES_MAX}`,
      )
    },
    seek: length => {
      reader.seek(length)
    },
    get pos() {
      return reader.pos
    },
  }
}

async function* guarded(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* content
  } catch (cause) {
    throw new ReadFailure('reading the upload failed', { cause })
  }
}

function fileSize(root: Block): number {
  const DAG_PB = 0x70
  if (root.cid.code !== DAG_PB) return 0
  try {
    const data = decode(root.bytes).Data
    return data === undefined ? 0 : Number(UnixFS.unmarshal(data).fileSize())
  } catch {
    // A dag-pb root need not be UnixFS; then there is no file size to tell.
    return 0
  }
}
