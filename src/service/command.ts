import type { Readable, Writable } from 'node:stream'
import type { Environment } from '../config/environment.ts'
import type { DaemonSettings } from '../config/settings.ts'
import type { Clock } from '../lib/clock.ts'
import type { Random } from '../lib/random.ts'
import type { StoredState, StoredStateSeams } from '../stored-state.ts'

/** A peer at work; disposing it ends it in good order. */
export interface RunningDaemon extends AsyncDisposable {
  /** Resolves when the peer takes part in the cluster; rejects when it cannot. */
  readonly ready: Promise<void>
}

/** Opens a peer. Separate from the commands, since it brings every part of the program with it. */
type OpenDaemon = (
  settings: DaemonSettings,
  seams: { readonly clock: Clock; readonly random: Random },
) => Promise<RunningDaemon>

/** Opens the pinset of a peer that does not run. Separate for the same reason. */
type OpenStoredState = (settings: DaemonSettings, seams: StoredStateSeams) => Promise<StoredState>

/** What a command is given by the process that runs it. */
export interface CommandContext {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly environment: Environment
  readonly clock: Clock
  readonly random: Random
  readonly openDaemon: OpenDaemon
  readonly openStoredState: OpenStoredState
  /** Path of this program's script, for the processes that it starts. */
  readonly script: string
  /** Aborted when the user or the system asks the process to stop. */
  readonly signal: AbortSignal
}

/** One flag, as commander writes it (`-j, --bootstrap <addresses>`), and what it does. */
export interface FlagRow {
  readonly flags: string
  readonly says: string
  readonly isHidden?: boolean
  /** Shown in the help as what counts without the flag. */
  readonly byDefault?: string
}

/** What the user typed. */
export interface Input {
  readonly argument: string | undefined
  /** Whether a flag without value was given, by its long name in camel case. */
  has(flag: string): boolean
  /** The value of a flag, undefined when it was not given. */
  text(flag: string): string | undefined
}

/** One command of cluster-service. */
export interface Command {
  /** One word, or two of which the first is that of a group. */
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What it does, for its own help. */
  readonly description: string
  /** `[source-url]`, with a sentence. */
  readonly argument?: { readonly name: string; readonly says: string }
  readonly flags: readonly FlagRow[]
  readonly examples: readonly string[]
  /** Answers with the exit code. Throws a `ClusterError` whose message begins with what was being done. */
  run(input: Input, context: CommandContext): Promise<number>
}

/** Writes a line to people. */
export function say(to: Writable, line: string): void {
  to.write(`${line}\n`)
}

/** The log levels that the global flags ask for, '' for none. */
export function logLevelOf(input: Input): string {
  return input.has('debug') ? 'debug' : (input.text('loglevel') ?? '')
}
