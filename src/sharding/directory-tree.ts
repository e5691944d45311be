import { decode, encode, prepare } from '@ipld/dag-pb'
import { ClusterError } from '../errors.ts'
import type { AddedOutput } from '../model/add.ts'
import type { BlockWriter, NamedLink, Written } from './block-writer.ts'
import { linkBytes, SHARD_THRESHOLD_BYTES, writeShardedDirectory } from './sharded-directory.ts'

/** Most bytes of links kept of directories that were left, in case entries of them come later. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024

interface Directory {
  readonly path: string
  /** Children by name while the directory is open. */
  links: Map<string, NamedLink> | undefined
  /** The same, packed, after it was left; undefined when there was no more room. */
  packed: Uint8Array | undefined
  readonly directories: Map<string, Directory>
  written: Written | undefined
}

/**
 * The directories of one top-level entry. A directory is written as soon as an entry outside of it comes, so that only
 * the links along one path are held unpacked. Entries that come out of depth-first order open it again.
 */
export class DirectoryTree {
  readonly #writer: BlockWriter
  readonly #root: Directory = directory('')
  readonly #open: Directory[] = [this.#root]
  readonly #packed = new Set<Directory>()
  #packedBytes = 0
  readonly #packedBytesMax: number

  constructor(writer: BlockWriter, packedBytesMax = KEPT_BYTES_MAX) {
    this.#writer = writer
    this.#packedBytesMax = packedBytesMax
  }

  /** Adds a directory, with those above it; nothing happens when it is there. */
  async addDirectory(path: readonly string[]): Promise<void> {
    await this.#enter(path)
  }

  /** Adds a file or symbolic link that is written already. Throws `INVALID_ARGUMENT` when the path is taken. */
  async add(path: readonly string[], written: Written): Promise<void> {
    const name = path.at(-1) ?? ''
    const parent = await this.#enter(path.slice(0, -1))
    if (parent.directories.has(name) || parent.links?.has(name) === true) {
      throw new ClusterError(
        'INVALID_ARGUMENT',
        `directory already has entry by that name: "${path.join('/')}"`,
      )
    }
    parent.links?.set(name, { name, cid: written.cid, dagBytes: written.dagBytes })
  }

  /**
   * Writes what is still open. Yields a record for each directory, children before parents. With `isRoot` the nameless
   * directory around everything is written too, and told last.
   */
  async *finish(isRoot: boolean): AsyncGenerator<AddedOutput> {
    while (this.#open.length > (isRoot ? 0 : 1)) await this.#leave()
    yield* records(this.#root)
  }

  /** Makes the directory at `path` the one that is open deepest. */
  async #enter(path: readonly string[]): Promise<Directory> {
    let shared = 0
    while (shared < path.length && this.#open[shared + 1]?.path === path.slice(0, shared + 1).join('/'))
      shared++
    while (this.#open.length > shared + 1) await this.#leave()
    let parent = this.#open.at(-1) ?? this.#root
    for (const [i, name] of path.entries()) {
      if (i < shared) continue
      if (parent.links?.has(name) === true && !parent.directories.has(name)) {
        const taken = path.slice(0, i + 1).join('/')
        throw new ClusterError('INVALID_ARGUMENT', `"${taken}" is a file and cannot have entries`)
      }
      const child = parent.directories.get(name) ?? directory(path.slice(0, i + 1).join('/'))
      parent.directories.set(name, child)
      this.#unpack(child)
      this.#open.push(child)
      parent = child
    }
    return parent
  }

  async #leave(): Promise<void> {
    const left = this.#open.pop()
    if (left?.links === undefined) return
    const links = [...left.links.values()]
    left.written = await writeDirectory(links, this.#writer)
    const parent = this.#open.at(-1)
    if (parent === undefined) return
    const name = left.path.slice(left.path.lastIndexOf('/') + 1)
    parent.links?.set(name, { name, cid: left.written.cid, dagBytes: left.written.dagBytes })
    this.#pack(left, links)
  }

  #pack(left: Directory, links: readonly NamedLink[]): void {
    left.links = undefined
    left.packed = encode(
      prepare({ Links: links.map(link => ({ Name: link.name, Hash: link.cid, Tsize: link.dagBytes })) }),
    )
    this.#packed.add(left)
    this.#packedBytes += left.packed.length
    for (const oldest of this.#packed) {
      if (this.#packedBytes <= this.#packedBytesMax) return
      this.#packed.delete(oldest)
      this.#packedBytes -= oldest.packed?.length ?? 0
      oldest.packed = undefined
    }
  }

  #unpack(child: Directory): void {
    if (child.links !== undefined) return
    if (child.packed === undefined) {
      throw new ClusterError(
        'INVALID_ARGUMENT',
        `entries of directory "${child.path}" come long after it was left: send them together`,
      )
    }
    this.#packed.delete(child)
    this.#packedBytes -= child.packed.length
    child.links = new Map(
      decode(child.packed).Links.map(({ Name: name = '', Hash: cid, Tsize: dagBytes = 0 }) => [
        name,
        { name, cid, dagBytes },
      ]),
    )
    child.packed = undefined
  }
}

function directory(path: string): Directory {
  return { path, links: new Map(), packed: undefined, directories: new Map(), written: undefined }
}

async function writeDirectory(links: readonly NamedLink[], writer: BlockWriter): Promise<Written> {
  const bytes = links.reduce((sum, link) => sum + linkBytes(link), 0)
  return bytes > SHARD_THRESHOLD_BYTES ? writeShardedDirectory(links, writer) : writer.directory(links)
}

function* records(from: Directory): Generator<AddedOutput> {
  const names = [...from.directories.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  for (const name of names) {
    const child = from.directories.get(name)
    if (child !== undefined) yield* records(child)
  }
  if (from.written !== undefined) {
    yield { name: from.path, cid: from.written.cid, size: from.written.dagBytes }
  }
}
