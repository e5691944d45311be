import { ClusterError, CODES, type Code, messageOf } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import { adviceOnFailure } from '../model/pin-advice.ts'
import type { GlobalPinInfoJson } from '../model/status-json.ts'
import type { CommandContext, OptionValues } from './command.ts'
import { CommandError, EXIT } from './command-error.ts'
import { openRedrawnLine } from './redrawn-line.ts'
import { type Awaited, formatWait, formatWaitLine, progressOf } from './wait-progress.ts'

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
 * Asks for the state every second until enough peers have the target; answers with the last state. On a terminal a line
 * shows how far it is. Throws `CommandError` when a peer failed, or (exit code 62) when time ran out.
 */
export async function waitForStatus(awaited: Awaited, context: CommandContext): Promise<GlobalPinInfoJson> {
  const { client, clock, out } = context
  const deadline = new AbortController()
  let state: GlobalPinInfoJson | undefined
  using timer = new DisposableStack()
  if (awaited.timeoutMs > 0) {
    timer.use(clock.schedule(awaited.timeoutMs, () => deadline.abort(tooLate(awaited, state, context))))
  }
  const signal = AbortSignal.any([context.signal, deadline.signal])
  using line = openRedrawnLine(out.terminal, clock, 0)
  for (;;) {
    await clock.sleep(POLL_EVERY_MS, signal)
    const now = await client.status({ params: { hash: awaited.cid }, query: { local: 'false' } }, { signal })
    state = now
    line.show((charactersMax, elapsedMs) => formatWaitLine(now, awaited, charactersMax, elapsedMs))
    throwIfHopeless(now, awaited, context)
    if (progressOf(now, awaited).isReached) return now
  }
}

function tooLate(
  awaited: Awaited,
  state: GlobalPinInfoJson | undefined,
  { program }: CommandContext,
): CommandError {
  const { cid, target } = awaited
  const far = state === undefined ? '' : ` (${formatWait(state, awaited)})`
  return new CommandError(
    'waiting for pin status',
    `context deadline exceeded: ${cid} is not yet ${target} on enough peers${far}`,
    {
      code: 'TIMEOUT',
      exitCode: EXIT.waitedTooLong,
      advice: `The peers go on without this command. What keeps them: "${program} why ${cid}"`,
    },
  )
}

function throwIfHopeless(
  { peer_map: peers }: GlobalPinInfoJson,
  { cid, target }: Awaited,
  { program }: CommandContext,
): void {
  const failed = Object.values(peers).filter(({ status }) => HOPELESS.has(status))
  if (failed.length === 0) return
  const where = failed.map(
    ({ peername, status, error }) => `${peername} says ${status}${error === '' ? '' : `: ${error}`}`,
  )
  const reasons = new Set(failed.flatMap(({ reason = '' }) => (isCode(reason) ? [reason] : [])))
  const advice = [...[...reasons].map(adviceOnFailure), `More: "${program} why ${cid}"`]
  throw new CommandError(
    'waiting for pin status',
    `error has occurred while attempting to reach status: ${target} (${where.join('; ')})`,
    { code: 'REFUSED', advice: advice.join('\n') },
  )
}

function isCode(text: string): text is Code {
  return Object.hasOwn(CODES, text)
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
