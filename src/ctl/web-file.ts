import { messageOf } from '../errors.ts'
import { CommandError } from './command-error.ts'

/** Whether something named on the command line is a file on the web. */
export function isWebFile(text: string): boolean {
  return /^https?:\/\//i.test(text)
}

/** The name of a file on the web: the end of its path, or the host where there is none. Throws `CommandError`. */
export function nameOfWebFile(text: string): string {
  const url = URL.parse(text)
  if (url === null) throw new CommandError('', `${text} is not a URL`)
  const last = url.pathname.split('/').findLast(part => part !== '') ?? url.hostname
  try {
    return decodeURIComponent(last)
  } catch {
    // A percent sign that stands for itself.
    return last
  }
}

/** The bytes of a file on the web. It is asked for when they are wanted. Throws `CommandError`. */
export async function* readWebFile(text: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    const response = await fetch(text, { signal })
    if (!response.ok) {
      await response.body?.cancel()
      throw new CommandError('', `${text} cannot be read: the server answered with status ${response.status}`)
    }
    if (response.body !== null) yield* response.body
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof CommandError) throw cause
    const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
    throw new CommandError('', `${text} cannot be read: ${messageOf(reason)}`, { code: 'REFUSED', cause })
  }
}
