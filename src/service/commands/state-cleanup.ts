import { type Command, say } from '../command.ts'
import { doing } from '../doing.ts'
import { openState } from '../open-state.ts'
import { confirm } from '../prompt.ts'

const QUESTION = 'The peer state will be removed.  Existing pins may be lost. Continue?'

/** Removes the pinset. */
export const stateCleanupCommand: Command = {
  name: 'state cleanup',
  summary: 'remove the pinset of a peer that does not run',
  description: `Removes the pinset of this peer, not its configuration and identity. A peer that takes part in a cluster gets the pinset from
the others when it runs again. The daemon must not run.`,
  flags: [{ flags: '-f, --force', says: 'do not ask' }],
  examples: ['cluster-service state cleanup'],
  async run(input, context) {
    using open = await openState(input, context)
    if (!input.has('force') && !(await confirm(QUESTION, context.stdin, context.stdout))) return 0
    await doing('cleaning up state', () => open.state.remove())
    say(context.stdout, 'the pinset was removed')
    return 0
  },
}
