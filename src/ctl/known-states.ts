import { PIN_STATUSES, parseStatusFilter } from '../model/pin-status.ts'
import { CommandError } from './command-error.ts'

/** A list of states as the server takes it, checked before it is asked. Throws `CommandError`. */
export function knownStates(text: string): string {
  try {
    parseStatusFilter(text)
  } catch (cause) {
    const names = [...PIN_STATUSES, 'error', 'queued'].join(', ')
    throw new CommandError('parsing filter flag', `invalid filter name: "${text}" has none of ${names}`, {
      cause,
    })
  }
  return text.replaceAll(' ', '')
}
