import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ClusterError, messageOf } from '../errors.ts'

const SQLITE_BUSY = 5

/**
 * Makes this process the only one that works in a folder, until disposed. The lock is the operating system's own lock on
 * the file (through SQLite, the one way to such a lock that comes with Node): it ends with the process, however that
 * ends, and knows nothing of process ids, so a file left behind never blocks. It is not known to hold between machines
 * that share a folder over a network. Throws `CONFLICT` when another process has it.
 */
export function lockFolder(path: string): Disposable {
  let file: DatabaseSync | undefined
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    file = new DatabaseSync(path, { timeout: 0 })
    file.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    file?.close()
    throw new ClusterError('CONFLICT', `lock ${path}: ${whyNot(cause)}`, { cause })
  }
  const held = file
  return {
    // The file stays: taking it away would let a process that opened it before lock a file that nobody else sees.
    [Symbol.dispose]: () => held.close(),
  }
}

function whyNot(cause: unknown): string {
  if (isSqliteError(cause) && cause.errcode === SQLITE_BUSY) {
    return 'someone else has the lock. Another cluster-service works in this folder: stop it first, or choose another folder with --config'
  }
  return `${messageOf(cause)}. Make sure that the folder is writable for the user who runs cluster-service, and that the file is not damaged (it may be removed while no cluster-service runs)`
}

function isSqliteError(thrown: unknown): thrown is { readonly errcode: number } {
  return typeof thrown === 'object' && thrown !== null && 'errcode' in thrown
}
