import { ClusterError } from '../errors.ts'
import type { Block, ImportContent, Options } from '../interfaces.ts'
import { nextTurn } from '../lib/breath.ts'
import type { AddEntry, AddedOutput, AddParams } from '../model/add.ts'
import { BlockWriter, type Written } from './block-writer.ts'
import { type Chunker, parseChunker } from './chunkers.ts'
import { DirectoryTree } from './directory-tree.ts'
import { fileDag } from './file-dag.ts'
import { importCar } from './import-car.ts'

/**
 * After so many chunks others get a turn of the event loop: of tiny chunks there are as many as bytes in what is read at once, and
 * whoever stops the import could not be heard before the last of them.
 */
const CHUNKS_A_TURN = 32
/** How many bytes are read between two records of progress. */
const PROGRESS_EVERY_BYTES = 262_144

/**
 * Turns entries into blocks, the same as `ipfs add` makes with the same parameters. Files are told as they are done,
 * the directories of a top-level entry after all its files. Held in memory: one chunk, the links along one path of
 * directories, and a record for each directory of the present top-level entry.
 */
export const importContent: ImportContent = (entries, params, put, options) =>
  params.format === 'car'
    ? importCar(entries, params, put, options)
    : importUnixfs(entries, params, put, options)

interface Importing {
  readonly params: AddParams
  readonly chunker: Chunker
  readonly writer: BlockWriter
  readonly options: Options
}

async function* importUnixfs(
  entries: AsyncIterable<AddEntry>,
  params: AddParams,
  put: (block: Block) => Promise<void>,
  options: Options,
): AsyncGenerator<AddedOutput> {
  const writer = new BlockWriter(params, put)
  const importing = { params, chunker: parseChunker(params.chunker), writer, options }
  let tree = new DirectoryTree(writer)
  let top: string | undefined
  let isAnything = params.wrapWithDirectory
  for await (const entry of entries) {
    options.signal.throwIfAborted()
    isAnything = true
    const path = splitPath(entry.path)
    if (!params.wrapWithDirectory && path[0] !== top) {
      yield* tree.finish(params.wrapWithDirectory)
      tree = new DirectoryTree(writer)
    }
    top = path[0] ?? ''
    yield* importEntry(entry, path, tree, importing)
  }
  if (!isAnything) throw new ClusterError('INVALID_ARGUMENT', 'nothing to add: the upload has no files')
  yield* tree.finish(params.wrapWithDirectory)
}

async function* importEntry(
  entry: AddEntry,
  path: readonly string[],
  tree: DirectoryTree,
  importing: Importing,
): AsyncGenerator<AddedOutput> {
  if (entry.kind === 'directory') {
    if (path.length === 0 && !importing.params.wrapWithDirectory) {
      throw new ClusterError(
        'INVALID_ARGUMENT',
        'a directory needs a name, unless everything is wrapped into one',
      )
    }
    await tree.addDirectory(path)
    return
  }
  const written =
    entry.kind === 'symlink'
      ? await importing.writer.symlink(entry.target)
      : yield* importFile(entry.content, path.slice(1).join('/'), importing)
  const isAlone = path.length < 2 && !importing.params.wrapWithDirectory
  // A file that stands alone needs no directory around it, and a file without a name goes by its CID.
  if (!isAlone) await tree.add(path.length === 0 ? [written.cid.toString()] : path, written)
  yield { name: path.join('/'), cid: written.cid, size: written.dagBytes }
}

async function* importFile(
  content: AsyncIterable<Uint8Array>,
  progressName: string,
  { params, chunker, writer, options }: Importing,
): AsyncGenerator<AddedOutput, Written> {
  let read = 0
  let told = 0
  async function* counted() {
    for await (const bytes of content) {
      options.signal.throwIfAborted()
      read += bytes.length
      yield bytes
    }
  }
  const dag = fileDag(params.layout, params.rawLeaves, writer)
  let chunks = 0
  for await (const chunk of chunker(counted())) {
    // An empty file has an empty leaf in a balanced DAG and none in a trickle DAG, whose root is never a leaf.
    if (chunk.length > 0) await dag.add(chunk)
    chunks += 1
    if (chunks % CHUNKS_A_TURN === 0) await nextTurn()
    options.signal.throwIfAborted()
    if (params.progress && read - told >= PROGRESS_EVERY_BYTES) {
      told = read
      yield { name: progressName, cid: undefined, bytes: read }
    }
  }
  if (params.progress) yield { name: progressName, cid: undefined, bytes: read }
  return dag.finish()
}

/** Parts of a relative path. Throws `INVALID_ARGUMENT` for one that leads outside. */
function splitPath(path: string): readonly string[] {
  const parts = path.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..')) {
    throw new ClusterError('INVALID_ARGUMENT', `path "${path.slice(0, 200)}" leads outside of the upload`)
  }
  return parts
}
