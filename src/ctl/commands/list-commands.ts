import { defineCommand } from '../command.ts'

/** `commands` */
export const listCommands = defineCommand({
  path: ['commands'],
  summary: 'list every command, one a line',
  options: [],
  args: '',
  examples: ['commands'],
  isHidden: true,
  async run(_input, { out, commandLines }) {
    await out.raw(commandLines.map(line => `${line}\n`).join(''))
  },
})
