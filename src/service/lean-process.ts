import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'

/**
 * Half of V8's young generation, in MiB. Left alone it grows to 64, of which a busy peer touches every page: 130 MB of
 * memory that hold next to nothing. V8 takes it from the command line only.
 */
const YOUNG_FLAG = '--max-semi-space-size'
const YOUNG_MIB = 8

/**
 * By how much the old generation may grow, in percent of what lives, before it is collected. Left alone V8 lets it grow
 * up to fourfold while the program allocates fast, and what garbage holds outside of the heap (buffers) grows with it. The
 * limit follows what lives, so that the part of the time that goes into collecting is the same for every size.
 */
const GROWTH_FLAG = '--heap-growing-percent'
const GROWTH_PERCENT = 50

/**
 * Heaps of glibc's malloc. It makes up to eight for each core as threads meet, and what one thread has freed in one of them is not
 * there for the others; other C libraries do not read it.
 */
const ARENAS = { MALLOC_ARENA_MAX: '2' } as const

/** What Node is to be started with where a daemon is spawned: a restart would cut its channel to the parent. */
export const LEAN_OPTIONS: readonly string[] = [`${YOUNG_FLAG}=${YOUNG_MIB}`]

/** The environment of a process that is to need little memory; what the operator has set counts. */
export function leanEnvironment(environment: Readonly<NodeJS.ProcessEnv>): NodeJS.ProcessEnv {
  return { ...ARENAS, ...environment }
}

/**
 * Starts a daemon anew, in the same process, with a small young generation and few heaps of malloc, unless its size is given already
 * or a parent listens to it. Comes back when there is nothing to do.
 */
export function restartLean(process: NodeJS.Process): void {
  const { argv, execArgv, execPath, env } = process
  if (process.platform === 'win32' || process.execve === undefined || !isDaemon(process)) return
  if (process.channel !== undefined && process.channel !== null) return
  if (isGiven(YOUNG_FLAG, process)) return
  process.execve(execPath, [execPath, ...LEAN_OPTIONS, ...execArgv, ...argv.slice(1)], leanEnvironment(env))
}

/** Lets the heap of a daemon grow slowly, unless the operator has chosen how. Set here, since Node does not start with a flag that V8 has dropped. */
export function growSlowly(
  process: NodeJS.Process,
  setFlag: (flag: string) => void = setFlagsFromString,
): void {
  if (isDaemon(process) && !isGiven(GROWTH_FLAG, process)) setFlag(`${GROWTH_FLAG}=${GROWTH_PERCENT}`)
}

function isDaemon({ argv }: NodeJS.Process): boolean {
  return argv.slice(2).includes('daemon')
}

function isGiven(flag: string, { execArgv, env }: NodeJS.Process): boolean {
  return [...execArgv, env['NODE_OPTIONS'] ?? ''].some(option => option.includes(flag))
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
