import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Half of V8's young generation, in MiB. Left alone it grows to 64, of which a busy peer touches every page: 130 MB of
 * memory that hold next to nothing. V8 takes it from the command line only.
 */
const YOUNG_FLAG = '--max-semi-space-size'
const YOUNG_MIB = 8

/** What Node is to be started with where a daemon is spawned: a restart would cut its channel to the parent. */
export const LEAN_OPTIONS: readonly string[] = [`${YOUNG_FLAG}=${YOUNG_MIB}`]

/**
 * Starts a daemon anew, in the same process, with a small young generation, unless its size is given already or a parent
 * listens to it. Comes back when there is nothing to do.
 */
export function restartLean(process: NodeJS.Process): void {
  const { argv, execArgv, execPath, env } = process
  if (process.platform === 'win32' || process.execve === undefined || !argv.slice(2).includes('daemon'))
    return
  if (process.channel !== undefined && process.channel !== null) return
  if ([...execArgv, env['NODE_OPTIONS'] ?? ''].some(option => option.includes(YOUNG_FLAG))) return
  process.execve(execPath, [execPath, ...LEAN_OPTIONS, ...execArgv, ...argv.slice(1)], env)
}

/** Keeps compiled code in the user's own cache folder, so that the next start need not compile it again. */
export function keepCompiledCode(environment: Readonly<NodeJS.ProcessEnv>): void {
  if (environment['NODE_COMPILE_CACHE'] !== undefined) return
  const cache = environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  // Where it cannot be written, code is compiled at every start: no reason to complain.
  enableCompileCache(join(cache, 'pinfold', 'compiled'))
}

/** Resolves when the output of the process is out. */
export async function outputFlushed({ stdout, stderr }: NodeJS.Process): Promise<void> {
  const flushed = (stream: NodeJS.WriteStream) =>
    new Promise<void>(resolve => {
      if (stream.writable) stream.write('', () => resolve())
      else resolve()
    })
  await Promise.all([flushed(stdout), flushed(stderr)])
}
