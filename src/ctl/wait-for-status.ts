import { ClusterError, messageOf } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import type { GlobalPinInfoJson } from '../model/status-json.ts'
import type { CommandContext, OptionValues } from './command.ts'
import { CommandError, EXIT } from './command-error.ts'

/** Options of commands that can wait for their effect. */
export const waitOptions = [
  {
    kind: 'flag',
    name: 'no-status',
    aliases: ['ns'],
    summary: 'print the pin and do not ask for its status',
  },
  { kind: 'flag', name: 'wait', aliases: ['w'], summary: 'wait until enough peers are done' },
  {
    kind: 'integer',
    name: 'wait-limit',
    aliases: ['wl'],
    value: 'count',
    default: 0,
    summary: 'how many peers are enough; 0 = as many as the pin asks for',
  },
  {
    kind: 'text',
    name: 'wait-timeout',
    aliases: ['wt'],
    value: 'duration',
    default: '',
    summary: 'wait no longer than this',
  },
] as const

/** The values of the options above. */
export type WaitValues = OptionValues<typeof waitOptions>

/** What to wait for. */
export interface Awaited {
  readonly cid: string
  readonly target: 'pinned' | 'unpinned'
  /** How many peers must be there; 0 or less = all that are asked. */
  readonly limit: number
  /** Longest wait; 0 = none. */
  readonly timeoutMs: number
}

const POLL_EVERY_MS = 1000
/** States from which a peer does not come to the target by itself soon. */
const HOPELESS: ReadonlySet<string> = new Set(['cluster_error', 'pin_error', 'unpin_error', 'undefined', ''])

/** Milliseconds of `--wait-timeout`; 0 when not given. Throws `CommandError`. */
export function parseWaitTimeout(text: string): number {
  try {
    return text === '' ? 0 : parseDuration(text)
  } catch (cause) {
    throw new CommandError('parsing wait-timeout', messageOf(cause), { cause })
  }
}

/**
 * Asks for the state every second until enough peers have the target; answers with the last state. Throws `CommandError`
 * when a peer failed, or (exit code 62) when time ran out.
 */
export async function waitForStatus(awaited: Awaited, context: CommandContext): Promise<GlobalPinInfoJson> {
  const tooLate = new CommandError(
    'waiting for pin status',
    `context deadline exceeded: ${awaited.cid} is not yet ${awaited.target} on enough peers`,
    { code: 'TIMEOUT', exitCode: EXIT.waitedTooLong },
  )
  const deadline = new AbortController()
  using timer = new DisposableStack()
  if (awaited.timeoutMs > 0) {
    timer.use(context.clock.schedule(awaited.timeoutMs, () => deadline.abort(tooLate)))
  }
  const signal = AbortSignal.any([context.signal, deadline.signal])
  for (;;) {
    await context.clock.sleep(POLL_EVERY_MS, signal)
    const state = await context.client.status(
      { params: { hash: awaited.cid }, query: { local: 'false' } },
      { signal },
    )
    if (isReached(state, awaited)) return state
  }
}

function isReached(state: GlobalPinInfoJson, { target, limit }: Awaited): boolean {
  const peers = Object.values(state.peer_map)
  const failed = peers.find(({ status }) => HOPELESS.has(status))
  if (failed !== undefined) {
    const where = `${failed.peername} says ${failed.status}${failed.error === '' ? '' : `: ${failed.error}`}`
    throw new CommandError(
      'waiting for pin status',
      `error has occurred while attempting to reach status: ${target} (${where})`,
      { code: 'REFUSED' },
    )
  }
  const doneCount = peers.filter(({ status }) => status === target).length
  if (limit > 0) return doneCount >= Math.min(limit, peers.length)
  const asked = peers.filter(({ status }) => target !== 'pinned' || status !== 'remote')
  return asked.every(({ status }) => status === target)
}

/** The state one second after a change, when most of it has happened; `undefined` when there is none to ask for. */
export async function statusSoon(cid: string, context: CommandContext): Promise<GlobalPinInfoJson> {
  await context.clock.sleep(POLL_EVERY_MS, context.signal)
  return context.client.status({ params: { hash: cid }, query: { local: 'false' } }, context)
}

/** Whether a failure is one of the cluster, not of this side. */
export function isFromServer(thrown: unknown): boolean {
  return thrown instanceof ClusterError && thrown.details['status'] !== undefined
}
