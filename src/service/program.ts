import { CommanderError, Option, Command as Program } from 'commander'
import { messageOf } from '../errors.ts'
import { VERSION } from '../lib/version.ts'
import { type Command, type CommandContext, type FlagRow, type Input, say } from './command.ts'
import { GROUPS } from './commands.ts'

const DESCRIPTION = `Runs a cluster peer: a daemon beside an IPFS node that keeps the content pinned which all peers of the
cluster agreed to keep.

A peer lives in a folder with its configuration (service.json), its identity (identity.json) and its data. "init" makes
the folder, "daemon" runs the peer, and cluster-ctl talks to it. To try it all at once: cluster-service quick-start`

/** Flags that every command takes, before or behind its name. */
const GLOBAL_FLAGS: readonly FlagRow[] = [
  {
    flags: '-c, --config <folder>',
    says: 'folder of the peer [CLUSTER_PATH, IPFS_CLUSTER_PATH]',
    byDefault: '~/.pinfold',
  },
  { flags: '-f, --force', says: 'answer yes to every question' },
  { flags: '-d, --debug', says: 'log everything' },
  {
    flags: '-l, --loglevel <levels>',
    says: 'error, warn, info or debug; or of single parts: "warn,consensus:debug" [IPFS_CLUSTER_LOG_LEVEL]',
    byDefault: 'info',
  },
]

/** Parses the arguments (without node and script), runs the command and answers with the exit code. */
export async function runService(
  argv: readonly string[],
  commands: readonly Command[],
  context: CommandContext,
): Promise<number> {
  let code = 0
  const program = makeProgram(commands, context, result => {
    code = result
  })
  if (argv.length === 0) {
    program.outputHelp()
    return 1
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.code === 'commander.unknownCommand') program.outputHelp()
      return thrown.exitCode
    }
    // Whoever asked for the stop knows why the command did not finish.
    if (context.signal.aborted && thrown === context.signal.reason) return 0
    say(context.stderr, `error ${messageOf(thrown)}`)
    return 1
  }
  return code
}

function makeProgram(
  commands: readonly Command[],
  context: CommandContext,
  onDone: (code: number) => void,
): Program {
  const program = new Program('cluster-service')
  program
    .description(unwrap(DESCRIPTION))
    .configureHelp({ showGlobalOptions: true })
    .version(`cluster-service version ${VERSION}`, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: text => void context.stdout.write(text),
      writeErr: text => void context.stderr.write(text),
    })
    .showHelpAfterError('(see cluster-service --help)')
  addFlags(program, GLOBAL_FLAGS)
  for (const command of commands) {
    const words = command.name.split(' ')
    const parent = words.length === 1 ? program : groupOf(program, words[0] ?? '')
    const own = parent
      .command(words.at(-1) ?? '')
      .summary(command.summary)
      .description(unwrap(command.description))
    own
      .helpOption('-h, --help', 'show this help')
      .showHelpAfterError(`(see cluster-service ${command.name} --help)`)
    if (command.argument !== undefined) own.argument(command.argument.name, command.argument.says)
    addFlags(own, command.flags)
    addFlags(own, GLOBAL_FLAGS.filter(row => !command.flags.some(flag => overlaps(flag, row))).map(hidden))
    if (command.examples.length > 0)
      own.addHelpText('after', `\nExamples:\n${command.examples.map(indent).join('\n')}`)
    own.action(async (...given: unknown[]) => {
      onDone(await command.run(inputOf(own, command.argument === undefined ? undefined : given[0]), context))
    })
  }
  return program
}

/** The group that a command with two words is in, made with the first of its commands. */
function groupOf(program: Program, word: string): Program {
  const known = program.commands.find(each => each.name() === word)
  if (known !== undefined) return known
  const group = program
    .command(word)
    .description(GROUPS[word] ?? '')
    .helpOption('-h, --help', 'show this help')
    .enablePositionalOptions()
  addFlags(group, GLOBAL_FLAGS.map(hidden))
  return group
}

function addFlags(program: Program, rows: readonly FlagRow[]): void {
  for (const { flags, says, isHidden, byDefault } of rows) {
    const text = byDefault === undefined ? says : `${says} (default: ${byDefault})`
    program.addOption(new Option(flags, text).hideHelp(isHidden === true))
  }
}

/** Commander breaks lines for the terminal at hand: only paragraphs are kept. */
function unwrap(text: string): string {
  return text.replaceAll(/([^\n])\n(?!\n)/g, '$1 ')
}

function hidden(row: FlagRow): FlagRow {
  return { ...row, isHidden: true }
}

function overlaps(a: FlagRow, b: FlagRow): boolean {
  const names = (row: FlagRow) => row.flags.split(/[ ,]+/).filter(word => word.startsWith('-'))
  return names(a).some(name => names(b).includes(name))
}

function indent(line: string): string {
  return `  ${line}`
}

function inputOf(program: Program, argument: unknown): Input {
  const options: Readonly<Record<string, unknown>> = program.optsWithGlobals()
  return {
    argument: typeof argument === 'string' ? argument : undefined,
    // Commander keeps --no-trust as trust = false.
    has: flag => (/^no[A-Z]/.test(flag) ? options[positive(flag)] === false : options[flag] === true),
    text: flag => {
      const value = options[flag]
      return typeof value === 'string' ? value : undefined
    },
  }
}

function positive(flag: string): string {
  return `${flag.charAt(2).toLowerCase()}${flag.slice(3)}`
}
