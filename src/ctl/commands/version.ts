import { defineCommand } from '../command.ts'

/** `version` */
export const version = defineCommand({
  path: ['version'],
  summary: 'show the version of the peer',
  details: 'The version of this command itself: --version.',
  options: [],
  args: '',
  examples: ['version'],
  async run(_input, context) {
    await context.out.value(await context.client.version({}, context), reply => reply.version)
  },
})
