import { VERSION } from '../../lib/version.ts'
import { type Command, say } from '../command.ts'

/** Prints the version. */
export const versionCommand: Command = {
  name: 'version',
  summary: 'print the version',
  description: 'Prints the version of this program.',
  flags: [],
  examples: [],
  run: async (_input, context) => {
    say(context.stdout, VERSION)
    return 0
  },
}
