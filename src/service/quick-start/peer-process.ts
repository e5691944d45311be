import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Environment } from '../../config/environment.ts'
import { isJsonObject } from '../../config/setting.ts'
import type { Clock } from '../../lib/clock.ts'
import { LEAN_OPTIONS, leanEnvironment } from '../lean-process.ts'
import { openLogFile } from './log-file.ts'
import type { QuickPeer } from './peer-folder.ts'
import type { Ports } from './ports.ts'

const STOP_TIMEOUT_MS = 20_000
const LAST_LINES = 5

/** How a peer's process ended. */
interface Ending {
  readonly how: string
  /** What it said last, for people. */
  readonly lastWords: readonly string[]
}

/** The process of one peer. */
export interface PeerProcess extends AsyncDisposable {
  readonly ended: Promise<Ending>
}

/** What a process needs. */
export interface PeerProcessConfig {
  /** Path of cluster-service. */
  readonly script: string
  readonly peer: QuickPeer
  readonly ports: Ports
  /** Addresses of the other peers. */
  readonly bootstrap: readonly string[]
  readonly environment: Environment
  /** Log levels, '' = as configured. */
  readonly logLevel: string
  readonly clock: Clock
  /** Called with warnings and errors of the peer. */
  readonly onWarning: (line: string) => void
}

/**
 * Runs the daemon of a peer as a process of its own. It is in no group with this one, so that Ctrl-C reaches it once, through
 * disposal; a channel tells it when this process is gone.
 */
export function openPeerProcess(config: PeerProcessConfig): PeerProcess {
  const { peer, clock } = config
  const args = [...LEAN_OPTIONS, config.script, '-c', peer.paths.folder, 'daemon']
  if (config.logLevel !== '') args.push('--loglevel', config.logLevel)
  if (config.bootstrap.length > 0) args.push('--bootstrap', config.bootstrap.join(','))
  const child = spawn(process.execPath, args, {
    env: childEnvironment(config),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
  })
  const lastWords = keepLog(child, peer, config.onWarning)
  const ended = new Promise<Ending>(resolve => {
    child.once('error', thrown => resolve({ how: thrown.message, lastWords: [] }))
    child.once('close', (code, signal) =>
      resolve({ how: signal === null ? `exit code ${code}` : `signal ${signal}`, lastWords: lastWords() }),
    )
  })
  return {
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      using _ = clock.schedule(STOP_TIMEOUT_MS, () => void child.kill('SIGKILL'))
      await ended
    },
  }
}

/** Settings in the environment are meant for one peer, and the folder of each has its own. */
function childEnvironment({ environment, ports }: PeerProcessConfig): NodeJS.ProcessEnv {
  const rest = Object.entries(environment).filter(([name]) => !/^(IPFS_)?CLUSTER_/.test(name))
  return {
    ...leanEnvironment(Object.fromEntries(rest)),
    IPFS_LOGGING_FMT: 'json',
    CLUSTER_LISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${ports.cluster}`,
    CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${ports.rest}`,
    CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${ports.pinsvc}`,
    CLUSTER_IPFSPROXY_LISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${ports.proxy}`,
    CLUSTER_IPFSEMBEDDED_LISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${ports.ipfs}`,
  }
}

/** Writes what the process says to its log file, passes warnings on, and remembers the last lines. */
function keepLog(
  child: ChildProcess,
  peer: QuickPeer,
  onWarning: (line: string) => void,
): () => readonly string[] {
  const last: string[] = []
  if (child.stderr === null) return () => last
  const file = openLogFile(join(peer.paths.folder, 'daemon.log'))
  const lines = createInterface({ input: child.stderr })
  lines.on('line', line => {
    file.write(Buffer.from(`${line}\n`))
    last.push(readable(line).text)
    if (last.length > LAST_LINES) last.shift()
    const { text, isWarning } = readable(line)
    if (isWarning) onWarning(`${peer.name}: ${text}`)
  })
  lines.once('close', () => file[Symbol.dispose]())
  return () => last
}

function readable(line: string): { readonly text: string; readonly isWarning: boolean } {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch {
    // A line that is not of the logger: the last words of a process are plain text.
    return { text: line, isWarning: false }
  }
  if (!isJsonObject(entry)) return { text: line, isWarning: false }
  const { level, time: _time, component, msg, ...fields } = entry
  const extra = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`
  const from = typeof component === 'string' ? `${component}: ` : ''
  return {
    text: `${from}${String(msg)}${extra}`.slice(0, 400),
    isWarning: level === 'warn' || level === 'error',
  }
}
