import type { OptionSpec } from './command.ts'

/** Shells that a script can be made for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
/** A shell that a script can be made for. */
export type Shell = (typeof SHELLS)[number]

/** What may stand behind some words of a command line. */
export interface Completable {
  /** Words behind the program, '' = none yet. */
  readonly words: string
  /** Commands that go on from here, with what they do. */
  readonly next: readonly (readonly [string, string])[]
  readonly options: readonly OptionSpec[]
}

/** The script that a shell loads to complete the commands and options of a program. */
export function completionScript(shell: Shell, program: string, places: readonly Completable[]): string {
  return shell === 'fish' ? fishScript(program, places) : bashScript(shell, program, places)
}

function flagsOf({ name, aliases = [] }: OptionSpec): readonly string[] {
  return [name, ...aliases].map(text => (text.length === 1 ? `-${text}` : `--${text}`))
}

/** zsh runs what bash runs. Options with a value are known, so that the value is not taken for a command. */
function bashScript(shell: Shell, program: string, places: readonly Completable[]): string {
  const name = `_${program.replaceAll(/\W/g, '_')}`
  const cases = places.map(({ words, next, options }) => {
    const all = [...next.map(([word]) => word), ...options.flatMap(flagsOf), '--help']
    return `    "${words}") words="${all.join(' ')}" ;;`
  })
  const global = places.find(({ words }) => words === '')?.options ?? []
  const valued = global.filter(option => option.kind !== 'flag').flatMap(flagsOf)
  const paths = places.filter(({ words }) => words !== '').map(({ words }) => `"${words}"`)
  return `${shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}${name}() {
  local path="" words="" i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in
    ${valued.join('|')}) [ -z "$path" ] && ((i++)); continue ;;
    -*) continue ;;
    esac
    case "\${path:+$path }$word" in
    ${paths.join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F ${name} ${program}
`
}

function fishScript(program: string, places: readonly Completable[]): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = places.flatMap(({ words, next, options }) => {
    const seen = words.split(' ').filter(word => word !== '')
    const here = seen.map(word => `__fish_seen_subcommand_from ${word}`).join('; and ')
    const begin = `complete -c ${program} -n ${quote(here === '' ? '__fish_use_subcommand' : here)}`
    return [
      ...next.map(([word, does]) => `${begin} -f -a ${word} -d ${quote(does)}`),
      ...options.map(option => {
        const names = [option.name, ...(option.aliases ?? [])].map(text =>
          text.length === 1 ? `-s ${text}` : `-l ${text}`,
        )
        return `${begin} ${names.join(' ')}${option.kind === 'flag' ? '' : ' -r'} -d ${quote(option.summary)}`
      }),
    ]
  })
  return `${lines.join('\n')}\n`
}
