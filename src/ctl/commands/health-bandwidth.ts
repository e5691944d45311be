import { defineCommand } from '../command.ts'
import { formatBandwidth } from '../format.ts'

/** `health bandwidth` */
export const healthBandwidth = defineCommand({
  path: ['health', 'bandwidth'],
  summary: 'show traffic by protocol',
  details: 'Peers of this version count no traffic: there is nothing to show.',
  options: [],
  args: '',
  examples: ['health bandwidth'],
  async run(_input, context) {
    await context.out.value(await context.client.bandwidth({}, context), formatBandwidth)
  },
})
