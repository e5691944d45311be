import type { OptionSpec } from './command.ts'

/** Arguments as the parser understands them. */
export interface CanonicalArguments {
  readonly args: readonly string[]
  /** What is wrong with them, and with the options of which command ([] = those before it). */
  readonly fault: { readonly path: readonly string[]; readonly message: string } | undefined
}

/**
 * Arguments as the parser understands them: `-name`, `--n`, and every alias become `--name`, values are joined with `=`
 * where they could be taken for options. `isCommand` tells whether words name a command or a group, `optionsOf` which
 * options a command has ([] = those before the command). Two names of one option at once are a fault, whichever would win.
 */
export function canonicalArguments(
  given: readonly string[],
  isCommand: (path: readonly string[]) => boolean,
  optionsOf: (path: readonly string[]) => readonly OptionSpec[],
): CanonicalArguments {
  const args: string[] = []
  const seen = new Map<OptionSpec, string>()
  let fault: CanonicalArguments['fault']
  let path: readonly string[] = []
  let isPathDone = false
  for (let i = 0; i < given.length; i++) {
    const text = given[i] ?? ''
    if (text === '--') {
      args.push(...given.slice(i))
      break
    }
    if (!/^--?[A-Za-z]/.test(text)) {
      args.push(text)
      if (!isPathDone && isCommand([...path, text])) path = [...path, text]
      else isPathDone = true
      continue
    }
    const [name = '', ...rest] = text.replace(/^--?/, '').split('=')
    const option = optionsOf(path).find(spec => spec.name === name || spec.aliases?.includes(name) === true)
    if (option === undefined) {
      args.push(text)
      continue
    }
    const before = seen.get(option) ?? name
    if (before !== name) fault ??= { path, message: `${before} and ${name} are two names of the same option` }
    seen.set(option, name)
    if (option.kind === 'flag') args.push(...flag(option, text.includes('=') ? rest.join('=') : undefined))
    else if (text.includes('=')) args.push(`--${option.name}=${rest.join('=')}`)
    else if (i + 1 < given.length) args.push(`--${option.name}=${given[++i] ?? ''}`)
    else args.push(`--${option.name}`)
  }
  return { args, fault }
}

/** `--flag=false` is the same as leaving it out. */
function flag(option: OptionSpec, value: string | undefined): readonly string[] {
  if (value === undefined || /^(1|t|true)$/i.test(value)) return [`--${option.name}`]
  return /^(0|f|false)$/i.test(value) ? [] : [`--${option.name}=${value}`]
}
