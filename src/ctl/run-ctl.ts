import { type Client, type ClientConfig, openClient as openHttpClient } from '../api/client.ts'
import { ClusterError, messageOf } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Command } from './command.ts'
import { CommandError, EXIT } from './command-error.ts'
import { commandLines, completable } from './command-table.ts'
import { conformingClient } from './conforming-client.ts'
import { type ConnectAs, hostFailure, toClientConfig } from './global-options.ts'
import { type Output, openOutput, READER_GONE, type Sink } from './output.ts'
import { type Parsed, parseCommandLine } from './parse-command-line.ts'

/** What a run of the program needs from outside. */
export interface CtlIo {
  /** By which name the program was called. */
  readonly program: string
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: Sink
  readonly stderr: Sink
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Connects to hosts that are libp2p addresses; without it they are refused. */
  readonly connectPeer?: ConnectAs
  /** Default: asks over HTTP. */
  readonly openClient?: (config: ClientConfig) => Client
}

/** Runs one command line, prints what it gives, and answers with the exit code. */
export async function runCtl(given: readonly string[], io: CtlIo): Promise<number> {
  const parsed = parseCommandLine(io.program, given, io.stdout.columns)
  const out = openOutput('text', io.stdout, io.stderr, io.env)
  switch (parsed.kind) {
    case 'version':
      await out.raw(`${io.program} version ${io.version}\n`)
      return EXIT.done
    case 'help':
      await out.raw(parsed.text)
      return EXIT.done
    case 'unknown':
      await out.note(`No help topic for '${parsed.word}'`)
      return EXIT.unknownCommand
    case 'misused':
      await out.raw(parsed.text)
      return EXIT.failed
    default:
      return runCommand(parsed, io)
  }
}

async function runCommand(parsed: Extract<Parsed, { kind: 'run' }>, io: CtlIo): Promise<number> {
  const { command, input, globals } = parsed
  const { encoding } = globals
  const isKnown = encoding === 'text' || encoding === 'json'
  const out = openOutput(isKnown ? encoding : 'text', io.stdout, io.stderr, io.env)
  try {
    if (!isKnown) throw new CommandError('', `unsupported encoding: "${encoding}" is neither text nor json`)
    const config = toClientConfig(globals, io.env, io.connectPeer)
    const client = conformingClient(() => openChecked(config, io))
    await command.run(input, {
      client,
      out,
      clock: io.clock,
      signal: io.signal,
      commandLines: commandLines(io.program),
      // Only one command wants it.
      get completable() {
        return completable()
      },
      program: io.program,
    })
    const beyond = argumentsBeyond(command, input.args)
    if (beyond.length > 0) {
      const usage = [...command.path, command.args].join(' ').trimEnd()
      await out.note(`passed over: ${beyond.join(' ')} (usage: ${usage})`)
    }
    return EXIT.done
  } catch (thrown) {
    if (io.signal.reason === READER_GONE) return EXIT.done
    if (io.signal.aborted) {
      await out.note('interrupted')
      return EXIT.interrupted
    }
    if (globals.debug && thrown instanceof Error) await out.note(withCauses(thrown))
    return report(thrown, out)
  }
}

/** What stands behind the arguments that a command takes: scripts that give more go on working, but are told. */
function argumentsBeyond({ args: usage }: Command, given: readonly string[]): readonly string[] {
  return usage.includes('...') ? [] : given.slice(usage.match(/<[^>]+>|\[[^\]]+\]/g)?.length ?? 0)
}

function openChecked(config: ClientConfig, io: CtlIo): Client {
  try {
    return (io.openClient ?? openHttpClient)(config)
  } catch (thrown) {
    throw hostFailure(thrown)
  }
}

/** Failures of reaching a daemon: they are told like its answers, with the code 0. */
const UNREACHED: ReadonlySet<string> = new Set(['NOT_READY', 'PEER_UNREACHABLE', 'TIMEOUT'])

/** Prints a failure in the reference's form, and answers with the exit code. */
async function report(thrown: unknown, out: Output): Promise<number> {
  if (thrown instanceof CommandError) {
    await out.note(`error ${thrown.doing}: ${thrown.message}`)
    if (thrown.advice !== '') await out.note(thrown.advice)
    return thrown.exitCode
  }
  const status = thrown instanceof ClusterError ? thrown.details['status'] : undefined
  const isUnreached = thrown instanceof ClusterError && UNREACHED.has(thrown.code)
  if (typeof status !== 'number' && !isUnreached) {
    await out.note(`error : ${messageOf(thrown)}`)
    return EXIT.failed
  }
  const answer = { code: typeof status === 'number' ? status : 0, message: messageOf(thrown) }
  await out.value(answer, ({ code, message }) => `An error occurred:\n  Code: ${code}\n  Message: ${message}`)
  return answer.code === 0 ? EXIT.failed : EXIT.refused
}

function withCauses(error: Error): string {
  const causes: string[] = []
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    causes.push(cause.stack ?? cause.message)
  }
  return causes.join('\ncaused by ')
}
