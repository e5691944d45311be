import { defineCommand } from '../command.ts'
import { formatBandwidth } from '../format.ts'

/** `health bandwidth` */
export const healthBandwidth = defineCommand({
  path: ['health', 'bandwidth'],
  summary: 'show traffic by protocol',
  options: [],
  args: '',
  examples: ['health bandwidth'],
  async run(_input, context) {
    await context.out.value(await context.client.bandwidth({}, context), formatBandwidth)
  },
})
