import type { PinJson } from '../model/pin-json.ts'
import type { CommandContext } from './command.ts'
import { formatPin, formatStatus } from './format.ts'
import { parseWaitTimeout, statusSoon, type WaitValues, waitForStatus } from './wait-for-status.ts'

/** Prints what pinning or unpinning led to: the pin, its status a moment later, or its status once it is done. */
export async function showChange(
  pin: PinJson,
  target: 'pinned' | 'unpinned',
  options: WaitValues,
  context: CommandContext,
): Promise<void> {
  const { cid } = pin
  if (options.wait) {
    const byDefault = target === 'pinned' ? pin.replication_factor_min : 0
    const limit = options['wait-limit'] === 0 ? byDefault : options['wait-limit']
    const timeoutMs = parseWaitTimeout(options['wait-timeout'])
    const state = await waitForStatus({ cid, target, limit, timeoutMs }, context)
    if (options['no-status']) return context.out.value(pin, formatPin)
    return context.out.value(state, formatStatus)
  }
  if (options['no-status']) return context.out.value(pin, formatPin)
  return context.out.value(await statusSoon(cid, context), formatStatus)
}
