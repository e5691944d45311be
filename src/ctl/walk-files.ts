import { createReadStream, type Stats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { messageOf } from '../errors.ts'
import type { AddEntry } from '../model/add.ts'
import { CommandError } from './command-error.ts'
import { isWebFile, nameOfWebFile, readWebFile } from './web-file.ts'

/** What of the file system is taken. */
export interface WalkOptions {
  /** Whether directories are taken, with everything in them. */
  readonly isRecursive: boolean
  /** Whether files and directories whose name begins with a dot are taken. What is named itself always is. */
  readonly isHidden: boolean
  readonly signal: AbortSignal
}

const READ_BYTES = 256 * 1024

/** A file or directory that was named, and is known to be there; or a file on the web, of which nothing is known yet. */
export interface Named {
  readonly path: string
  readonly name: string
  readonly stats: Stats | 'web'
}

/** Looks at what was named, before anything is sent. Throws `CommandError`. */
export async function lookAt(paths: readonly string[], options: WalkOptions): Promise<readonly Named[]> {
  if (paths.length === 0) throw new CommandError('', 'need at least one path')
  const names = new Set<string>()
  const found: Named[] = []
  for (const path of paths) {
    const name = isWebFile(path) ? nameOfWebFile(path) : basename(resolve(path))
    const stats = isWebFile(path) ? 'web' : await statsOf(path)
    if (stats !== 'web' && stats.isDirectory() && !options.isRecursive) {
      throw new CommandError(
        '',
        `${path} is a directory, but Recursive option is not set: add it with --recursive`,
      )
    }
    if (names.has(name)) throw new CommandError('', `two of the paths have the same name "${name}"`)
    names.add(name)
    found.push({ path, name, stats })
  }
  return found
}

/**
 * The entries below what was named, depth first, in order of their names; a directory before what it holds. Files are
 * opened when their content is read. Symbolic links are taken as links. Throws `CommandError`.
 */
export async function* walkFiles(
  roots: readonly Named[],
  options: WalkOptions,
  onBytes: (count: number) => void,
): AsyncGenerator<AddEntry> {
  for (const root of roots) yield* walkOne(root, options, onBytes)
}

/** Bytes of all files that `walkFiles` would read, as far as they are known. */
export async function sizeOf(roots: readonly Named[], options: WalkOptions): Promise<number> {
  let bytes = 0
  for (const { path, name, stats } of roots) {
    if (stats === 'web') continue
    if (stats.isFile()) bytes += stats.size
    if (stats.isDirectory()) bytes += await sizeOf(await childrenOf(path, name, options), options)
  }
  return bytes
}

async function* walkOne(
  { path, name, stats }: Named,
  options: WalkOptions,
  onBytes: (count: number) => void,
): AsyncGenerator<AddEntry> {
  if (stats === 'web') {
    yield { kind: 'file', path: name, content: counted(readWebFile(path, options.signal), onBytes) }
    return
  }
  const attributes = { mode: stats.mode, mtimeMs: stats.mtimeMs }
  if (stats.isDirectory()) {
    yield { kind: 'directory', path: name, attributes }
    const children = await childrenOf(path, name, options)
    for (const child of children) yield* walkOne(child, options, onBytes)
  } else if (stats.isSymbolicLink()) {
    yield { kind: 'symlink', path: name, attributes, target: await told(() => readlink(path)) }
  } else if (stats.isFile()) {
    yield { kind: 'file', path: name, attributes, content: contentOf(path, onBytes) }
  } else {
    throw new CommandError('', `${path} is neither file, directory nor symbolic link: it cannot be added`)
  }
}

async function childrenOf(path: string, name: string, options: WalkOptions): Promise<readonly Named[]> {
  const names = await told(() => readdir(path))
  const taken = names.filter(child => options.isHidden || !child.startsWith('.'))
  const ordered = taken.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const children: Named[] = []
  for (const child of ordered) {
    const childPath = join(path, child)
    children.push({ path: childPath, name: `${name}/${child}`, stats: await statsOf(childPath) })
  }
  return children
}

async function* counted(
  content: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of content) {
    onBytes(bytes.length)
    yield bytes
  }
}

async function* contentOf(path: string, onBytes: (count: number) => void): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: READ_BYTES })
  try {
    for await (const chunk of stream) {
      const bytes: unknown = chunk
      if (!(bytes instanceof Uint8Array)) continue
      onBytes(bytes.length)
      yield bytes
    }
  } catch (thrown) {
    throw asCommandError(thrown)
  }
}

function statsOf(path: string): Promise<Stats> {
  return told(() => lstat(path), `lstat ${path}`)
}

/** The operating system's failure as one that names what was done. */
async function told<Value>(ask: () => Promise<Value>, doing?: string): Promise<Value> {
  try {
    return await ask()
  } catch (thrown) {
    throw asCommandError(thrown, doing)
  }
}

function asCommandError(thrown: unknown, doing?: string): unknown {
  if (!(thrown instanceof Error && 'code' in thrown)) return thrown
  if (thrown.code === 'ENOENT' && doing !== undefined) {
    return new CommandError('', `${doing}: no such file or directory`, { code: 'NOT_FOUND', cause: thrown })
  }
  return new CommandError('', messageOf(thrown), { code: 'REFUSED', cause: thrown })
}
