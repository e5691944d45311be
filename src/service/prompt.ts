import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/** Asks and reads lines, until disposed. */
export interface Prompt extends Disposable {
  /** Writes the question and reads one line; undefined at the end of input. */
  ask(question: string): Promise<string | undefined>
}

/** Opens a prompt on the streams of a command. */
export function openPrompt(stdin: Readable, stdout: Writable): Prompt {
  const lines = createInterface({ input: stdin })
  const iterator = lines[Symbol.asyncIterator]()
  return {
    async ask(question) {
      stdout.write(question)
      const next = await iterator.next()
      return next.done === true ? undefined : next.value
    },
    [Symbol.dispose]: () => lines.close(),
  }
}

/** Asks until the answer is yes or no, three times in all. No answer, or none that is understood, is a no. */
export async function confirm(question: string, stdin: Readable, stdout: Writable): Promise<boolean> {
  using prompt = openPrompt(stdin, stdout)
  for (let tries = 0; tries < 3; tries++) {
    const answer = (await prompt.ask(`${question} [y/n]: `))?.trim().toLowerCase()
    if (answer === 'y') return true
    if (answer === undefined || answer === '' || answer === 'n') return false
    stdout.write("Please press either 'y' or 'n'\n")
  }
  return false
}
