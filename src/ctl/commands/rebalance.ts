import type { RebalanceStatusJson } from '../../model/rebalance-json.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatPlan, formatRebalance } from '../format-care.ts'

const POLL_EVERY_MS = 1000

/** `rebalance` */
export const rebalance = defineCommand({
  path: ['rebalance'],
  summary: 'spread the pins evenly over the peers, as after peers were added',
  details:
    'Shows what would move, and moves nothing without --apply. The peer that answers does the work in the background, as fast as --rate says; ' +
    'each pin is written once, and copies stay until the new ones are there. Bytes are estimates. When it is stopped or the peer is, begin it ' +
    'again: what was moved counts.',
  options: [
    { kind: 'flag', name: 'plan', summary: 'show what would move; so it is without any option' },
    { kind: 'flag', name: 'apply', summary: 'move it' },
    { kind: 'flag', name: 'status', summary: 'show how far it is' },
    { kind: 'flag', name: 'stop', summary: 'stop it, whichever peer is at it' },
    { kind: 'flag', name: 'wait', aliases: ['w'], summary: 'with --apply: until it is done' },
    { kind: 'integer', name: 'rate', value: 'pins', default: 20, summary: 'with --apply: pins a second' },
  ],
  args: '',
  examples: [
    'rebalance --plan',
    'rebalance --apply --rate 50 --wait',
    'rebalance --status',
    'rebalance --stop',
  ],
  async run({ options }, context) {
    const { client, out } = context
    const { plan, apply, status, stop } = options
    if ([plan, apply, status, stop].filter(Boolean).length > 1)
      throw new CommandError('parsing rebalance', 'give one of --plan, --apply, --status and --stop')
    if (apply) {
      const started = await client.startRebalance({ query: { rate: String(options.rate) } }, context)
      return out.value(options.wait ? await waitUntilOver(started, context) : started, formatRebalance)
    }
    if (!status && !stop) return out.value(await client.rebalancePlan({}, context), formatPlan)
    const statuses = await (stop ? client.stopRebalance({}, context) : client.rebalances({}, context))
    if (statuses.length === 0) await out.note('no peer spreads pins anew, and none has since it was started')
    for (const each of statuses) await out.value(each, formatRebalance)
  },
})

async function waitUntilOver(
  { peer, started_at }: RebalanceStatusJson,
  context: CommandContext,
): Promise<RebalanceStatusJson> {
  for (;;) {
    await context.clock.sleep(POLL_EVERY_MS, context.signal)
    const statuses = await context.client.rebalances({}, context)
    const own = statuses.find(status => status.peer === peer && status.started_at === started_at)
    if (own === undefined)
      throw new CommandError('waiting for the rebalance', `peer ${peer} does not tell of it any more`)
    if (own.state === 'done') return own
    if (own.state !== 'planning' && own.state !== 'moving')
      throw new CommandError('waiting for the rebalance', `it ${own.state}: ${own.reason}`)
  }
}
