import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { completionScript, SHELLS } from '../completion.ts'

/** `completion` */
export const completion = defineCommand({
  path: ['completion'],
  summary: 'print what makes a shell complete commands and options',
  details:
    'Load it where your shell starts: "source <(cluster-ctl completion bash)" in ~/.bashrc, the same with zsh in ~/.zshrc, ' +
    '"cluster-ctl completion fish | source" in ~/.config/fish/config.fish.',
  options: [],
  args: '<bash|zsh|fish>',
  examples: ['completion bash'],
  async run({ args }, { out, program, completable }) {
    const shell = SHELLS.find(name => name === args[0])
    if (shell === undefined)
      throw new CommandError('', `name one of ${SHELLS.join(', ')}, as in "${program} completion bash"`)
    await out.raw(completionScript(shell, program, completable))
  },
})
