import { defineCommand } from '../command.ts'
import { formatMetric } from '../format.ts'

/** `health metrics` */
export const healthMetrics = defineCommand({
  path: ['health', 'metrics'],
  summary: 'list the names of metrics, or the latest values of one',
  options: [],
  args: '[name]',
  examples: ['health metrics', 'health metrics freespace'],
  async run({ args }, context) {
    const [name] = args
    if (name === undefined) {
      const names = await context.client.metricNames({}, context)
      return context.out.value(names, list => list.join('\n'))
    }
    const metrics = await context.client.metrics({ params: { name } }, context)
    const nowMs = context.clock.now()
    await context.out.value(metrics, list => list.map(metric => formatMetric(metric, nowMs)).join('\n'))
  },
})
