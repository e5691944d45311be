import { formatJson } from '../lib/json.ts'

/** Where text goes. */
export interface Sink {
  /** Whether there is room for more; false = wait for `drained`. */
  write(text: string): boolean
  /** Resolves when there is room again. */
  drained(): Promise<void>
  readonly isTerminal: boolean
  /** Characters in a line of the terminal. */
  readonly columns: number
}

/** Reason for stopping when whoever reads standard output has closed it, as `head` does. */
export const READER_GONE = new Error('nobody reads the output any more')

/** Everything that a command says: results to standard output, the rest to standard error. */
export interface Output {
  readonly encoding: 'text' | 'json'
  /** A result in either form; a text of '' is not printed. */
  value<Value>(value: Value, toText: (value: Value) => string): Promise<void>
  /** A result that is text in every encoding. It is printed as it is; on a terminal a line that is not ended is. */
  raw(text: string): Promise<void>
  /** A line for people, on standard error. */
  note(line: string): Promise<void>
  /** Standard error, for what comes and goes such as a progress bar; undefined unless it is a terminal. */
  readonly terminal: Sink | undefined
  /** Whether colours are wanted, by https://no-color.org */
  readonly isColored: boolean
}

/** The output of a command line. */
export function openOutput(
  encoding: 'text' | 'json',
  stdout: Sink,
  stderr: Sink,
  env: Readonly<Record<string, string | undefined>>,
): Output {
  const write = async (sink: Sink, text: string) => {
    if (text !== '' && !sink.write(text)) await sink.drained()
  }
  return {
    encoding,
    async value(value, toText) {
      const text = encoding === 'json' ? formatJson(value, 4) : toText(value)
      await write(stdout, text === '' ? '' : `${text}\n`)
    },
    raw: text => write(stdout, stdout.isTerminal && !text.endsWith('\n') ? `${text}\n` : text),
    note: line => write(stderr, `${line}\n`),
    terminal: stderr.isTerminal && env['TERM'] !== 'dumb' ? stderr : undefined,
    isColored: (env['NO_COLOR'] ?? '') === '',
  }
}
