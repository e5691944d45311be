import { defineCommand } from '../command.ts'
import { formatAlert } from '../format.ts'

/** `health alerts` */
export const healthAlerts = defineCommand({
  path: ['health', 'alerts'],
  summary: 'list what somebody should know of: silent peers, wrong clocks, full disks and more',
  details:
    'Newest first: what holds, and the last of what was cleared. Each alert says what is wrong and what to do.',
  options: [{ kind: 'flag', name: 'active', summary: 'only those that hold' }],
  args: '',
  examples: ['health alerts', 'health alerts --active'],
  async run({ options }, context) {
    const all = await context.client.alerts({}, context)
    const alerts = options.active ? all.filter(({ cleared_at }) => cleared_at === undefined) : all
    const nowMs = context.clock.now()
    await context.out.value(alerts, list => list.map(alert => formatAlert(alert, nowMs)).join('\n'))
  },
})
