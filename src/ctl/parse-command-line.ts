import { CommanderError, InvalidArgumentError, Option, Command as Parser } from 'commander'
import { canonicalArguments } from './canonical-arguments.ts'
import type { Command, CommandInput, OptionSpec } from './command.ts'
import { commands, groups } from './command-table.ts'
import { type GlobalValues, globalOptions } from './global-options.ts'

/** What a command line asks for. */
export type Parsed =
  | {
      readonly kind: 'run'
      readonly command: Command
      readonly input: CommandInput
      readonly globals: GlobalValues
    }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'unknown'; readonly word: string }
  | { readonly kind: 'misused'; readonly text: string }

interface Outcome {
  parsed: Parsed | undefined
  /** Whose part of the command line could not be parsed. */
  failedAt: Parser | undefined
}

/** Longer lines are hard to read, however wide the terminal is. */
const HELP_COLUMNS_MAX = 100

/** What the arguments behind the program's name ask for; help has lines of `columns`. Nothing is run or printed. */
export function parseCommandLine(program: string, given: readonly string[], columns: number): Parsed {
  const { args, fault } = canonicalArguments(given, isCommand, optionsOf)
  const outcome: Outcome = { parsed: undefined, failedAt: undefined }
  const parsers = buildParsers(program, outcome, Math.min(columns, HELP_COLUMNS_MAX))
  const root = parsers.get('') ?? new Parser(program)
  const [first, ...topic] = args
  if (first === 'help' || first === 'h') return helpOn(topic, parsers)
  if (fault !== undefined) return misused(fault.message, parsers.get(fault.path.join(' ')) ?? root)
  try {
    root.parse(args, { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    const at = outcome.failedAt ?? root
    if (thrown.code.startsWith('commander.help')) return { kind: 'help', text: helpText(at) }
    const why = thrown.message.replace(/^error: /, '') + (at === root ? '' : placeOf(thrown, program))
    return misused(why, at)
  }
  if (outcome.parsed !== undefined) return outcome.parsed
  return root.getOptionValue('version') === true
    ? { kind: 'version' }
    : { kind: 'help', text: helpText(root) }
}

function misused(why: string, at: Parser): Parsed {
  return {
    kind: 'misused',
    text: `Incorrect Usage${at.parent === null ? '.' : ':'} ${why}\n\n${helpText(at)}`,
  }
}

/** What to do about a global option behind a command; '' for anything else. */
function placeOf({ code, message }: CommanderError, program: string): string {
  const flag = /'-{1,2}([\w-]+)/.exec(message)?.[1] ?? ''
  const isGlobal = globalOptions.some(
    ({ name, ...rest }) => name === flag || ('aliases' in rest && rest.aliases.some(alias => alias === flag)),
  )
  return code === 'commander.unknownOption' && isGlobal
    ? `: it belongs before the command, behind "${program}"`
    : ''
}

/** Help on a command or group; the root's for no topic. */
function helpOn(topic: readonly string[], parsers: ReadonlyMap<string, Parser>): Parsed {
  const words = topic.filter(word => !word.startsWith('-'))
  for (let length = 1; length <= words.length; length++) {
    if (!parsers.has(words.slice(0, length).join(' ')))
      return { kind: 'unknown', word: words[length - 1] ?? '' }
  }
  const parser = parsers.get(words.join(' '))
  return { kind: 'help', text: parser === undefined ? '' : helpText(parser) }
}

/** Commander's help, where the global options are, and the examples of a command. */
function helpText(parser: Parser): string {
  const words: string[] = []
  let top = parser
  for (; top.parent !== null; top = top.parent) words.unshift(top.name())
  const examples = commands.find(({ path }) => path.join(' ') === words.join(' '))?.examples ?? []
  const lines = examples.map(example => `  ${top.name()} ${example}\n`)
  const globals =
    top === parser ? '' : `\nGlobal options stand before the command: see ${top.name()} --help\n`
  return `${parser.helpInformation()}${globals}${lines.length === 0 ? '' : `\nExamples:\n${lines.join('')}`}`
}

function isCommand(path: readonly string[]): boolean {
  return commands.some(command => path.every((word, i) => command.path[i] === word))
}

function optionsOf(path: readonly string[]): readonly OptionSpec[] {
  if (path.length === 0) return globalOptions
  return commands.find(command => command.path.join(' ') === path.join(' '))?.options ?? []
}

/** A parser for every command and group, by its words; '' is the program itself. */
function buildParsers(program: string, outcome: Outcome, helpWidth: number): ReadonlyMap<string, Parser> {
  const root = new Parser(program)
    .description('Controls a cluster of pinning peers through the HTTP API of one of them.')
    .usage('[global options] <command> [options] [arguments]')
    .enablePositionalOptions()
    .allowExcessArguments()
    .helpCommand('help [command]', 'show help on a command')
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .configureHelp({ helpWidth })
    .showSuggestionAfterError(false)
    .optionsGroup('Global options:')
    .action(() => {
      const [word] = root.args
      if (word !== undefined) outcome.parsed = { kind: 'unknown', word }
    })
  for (const option of globalOptions) root.addOption(toParserOption(option))
  finish(root, outcome)
  const parsers = new Map([['', root]])
  for (const command of commands) {
    const [word = '', ...rest] = command.path
    const parent = rest.length === 0 ? root : groupParser(word, root, parsers, outcome)
    const parser = parent.command(command.path.at(-1) ?? '', { hidden: command.isHidden === true })
    describe(parser, command)
    finish(parser, outcome)
    parser.action(() => {
      outcome.parsed = toRun(parser, command, root)
    })
    parsers.set(command.path.join(' '), parser)
  }
  return parsers
}

function groupParser(word: string, root: Parser, parsers: Map<string, Parser>, outcome: Outcome): Parser {
  const known = parsers.get(word)
  if (known !== undefined) return known
  const group = root
    .command(word)
    .description(groups[word] ?? '')
    .helpCommand(false)
  group.action(() => {
    const [extra] = group.args
    outcome.parsed =
      extra === undefined ? { kind: 'help', text: helpText(group) } : { kind: 'unknown', word: extra }
  })
  group.allowExcessArguments()
  finish(group, outcome)
  parsers.set(word, group)
  return group
}

function describe(parser: Parser, command: Command): void {
  parser
    .summary(command.summary)
    .description(command.details === undefined ? command.summary : `${command.summary}\n\n${command.details}`)
    .usage(['[options]', command.args].filter(text => text !== '').join(' '))
    .allowExcessArguments()
  for (const option of command.options) parser.addOption(toParserOption(option))
}

function finish(parser: Parser, outcome: Outcome): void {
  parser.helpOption('-h, --help', 'show help').exitOverride(error => {
    outcome.failedAt = parser
    throw error
  })
}

function toParserOption(option: OptionSpec): Option {
  const aliases = (option.aliases ?? []).map(alias => (alias.length === 1 ? `-${alias}` : `--${alias}`))
  const value = option.kind === 'flag' ? '' : ` <${option.value}>`
  // Commander knows two names of an option: the long one comes last. Arguments are canonical, so help shows both.
  const flags = [...aliases.slice(0, 1), `--${option.name}`].join(', ') + value
  const parsed = new Option(flags, option.summary)
  if (option.kind === 'integer') return withDefault(parsed.argParser(parseInteger), option.default)
  if (option.kind === 'texts') {
    // A default of the parser's own would stand before what is given.
    if (option.default !== undefined) parsed.description += ` (default: ${JSON.stringify(option.default)})`
    return parsed.argParser((text: string, before: readonly string[] | undefined) => [
      ...(before ?? []),
      text,
    ])
  }
  return option.kind === 'text' ? withDefault(parsed, option.default) : parsed
}

/** Help shows defaults that say something. */
function withDefault(option: Option, value: string | number): Option {
  return value === '' || value === 0 ? option : option.default(value)
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is not a whole number.')
  return Number(text)
}

function toRun(parser: Parser, command: Command, root: Parser): Parsed {
  return {
    kind: 'run',
    command,
    input: { options: valuesOf(parser, command.options), args: parser.args },
    // The table of options types their values.
    globals: valuesOf(root, globalOptions) as unknown as GlobalValues,
  }
}

function valuesOf(parser: Parser, options: readonly OptionSpec[]): CommandInput['options'] {
  const values = options.map(option => [option.name, valueOf(parser, option)])
  return Object.fromEntries(values) as CommandInput['options']
}

function valueOf(parser: Parser, option: OptionSpec): unknown {
  const key = new Option(`--${option.name}`).attributeName()
  const value: unknown = parser.getOptionValue(key)
  // Commander takes `--no-x` for the opposite of `--x`, which is on by default.
  if (option.kind === 'flag') return option.name.startsWith('no-') ? value === false : value === true
  if (value !== undefined || option.kind !== 'texts') return value ?? option.default
  return option.default === undefined ? [] : [option.default]
}
