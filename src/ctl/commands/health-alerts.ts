import { defineCommand } from '../command.ts'
import { formatAlert } from '../format.ts'

/** `health alerts` */
export const healthAlerts = defineCommand({
  path: ['health', 'alerts'],
  summary: 'list metrics that ran out: their peers have gone quiet',
  options: [],
  args: '',
  examples: ['health alerts'],
  async run(_input, context) {
    const alerts = await context.client.alerts({}, context)
    const nowMs = context.clock.now()
    await context.out.value(alerts, list => list.map(alert => formatAlert(alert, nowMs)).join('\n'))
  },
})
