import { type EventEmitter, once } from 'node:events'
import { basename } from 'node:path'
import { systemClock } from '../lib/clock.ts'
import { VERSION } from '../lib/version.ts'
import type { ConnectAs } from './global-options.ts'
import { READER_GONE, type Sink } from './output.ts'
import { runCtl } from './run-ctl.ts'

/** Width of a terminal that does not say its own. */
const COLUMNS = 80

/** Standard output or standard error; what only terminals have is undefined for files and pipes. */
interface Stream extends EventEmitter {
  write(text: string): boolean
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Runs the command line of this process, until done or until a signal ends it; answers with the exit code. */
export async function runProcess(connectPeer?: ConnectAs): Promise<number> {
  const stopping = new AbortController()
  const { signal } = stopping
  const interrupt = () => stopping.abort(new DOMException('interrupted', 'AbortError'))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  // Who reads only the first lines closes the pipe: that ends the work, and is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    stopping.abort(READER_GONE)
  })
  return runCtl(process.argv.slice(2), {
    program: basename(process.argv[1] ?? 'cluster-ctl').replace(/\.[jt]s$/, ''),
    version: VERSION,
    env: process.env,
    stdout: toSink(process.stdout, signal),
    stderr: toSink(process.stderr, signal),
    clock: systemClock,
    signal,
    ...(connectPeer === undefined ? {} : { connectPeer }),
  })
}

function toSink(stream: Stream, signal: AbortSignal): Sink {
  return {
    write: text => stream.write(text),
    drained: async () => {
      await once(stream, 'drain', { signal })
    },
    isTerminal: stream.isTTY === true,
    // Some terminals do not say how wide they are.
    columns: (stream.columns ?? 0) > 0 ? (stream.columns ?? 0) : COLUMNS,
  }
}
