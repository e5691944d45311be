import type { Client } from '../api/client.ts'
import type { Clock } from '../lib/clock.ts'
import type { Completable } from './completion.ts'
import type { Output } from './output.ts'

interface Described {
  /** Long name, as in `--name`. */
  readonly name: string
  /** Other names for the same. */
  readonly aliases?: readonly string[]
  readonly summary: string
}

/** An option of a command. Every option has a value: its default when it is not given. */
export type OptionSpec =
  | (Described & { readonly kind: 'flag' })
  | (Described & { readonly kind: 'text'; readonly value: string; readonly default: string })
  | (Described & { readonly kind: 'integer'; readonly value: string; readonly default: number })
  /** May be given several times; the default is one text, none when absent. */
  | (Described & { readonly kind: 'texts'; readonly value: string; readonly default?: string })

type OptionValueOf<Option extends OptionSpec> = Option['kind'] extends 'flag'
  ? boolean
  : Option['kind'] extends 'integer'
    ? number
    : Option['kind'] extends 'texts'
      ? readonly string[]
      : string

/** The values of options by their names. */
export type OptionValues<Options extends readonly OptionSpec[]> = {
  readonly [Option in Options[number] as Option['name']]: OptionValueOf<Option>
}

/** What a command is given. */
export interface CommandInput<Options extends readonly OptionSpec[] = readonly OptionSpec[]> {
  readonly options: OptionValues<Options>
  readonly args: readonly string[]
}

/** What a command may use. */
export interface CommandContext {
  /** Asks the daemon; made on first use, so that a wrong address only matters to commands that ask. */
  readonly client: Client
  readonly out: Output
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Every command line without options, as `commands` prints them. */
  readonly commandLines: readonly string[]
  /** What may stand where, for shells. */
  readonly completable: readonly Completable[]
  /** By which name the program was called. */
  readonly program: string
}

/** One command: everything that parsing, help and documentation need, and what it does. */
export interface Command<Options extends readonly OptionSpec[] = readonly OptionSpec[]> {
  readonly path: readonly string[]
  readonly summary: string
  /** More than the summary says. */
  readonly details?: string
  readonly options: Options
  /** How arguments stand in the usage line, such as `[CID...]`; '' for none. */
  readonly args: string
  readonly examples: readonly string[]
  readonly isHidden?: true
  run(input: CommandInput<Options>, context: CommandContext): Promise<void>
}

/** A command whose `run` is typed by its options. Parsing gives exactly the values that the options describe. */
export function defineCommand<const Options extends readonly OptionSpec[]>(
  command: Command<Options>,
): Command {
  return command
}
