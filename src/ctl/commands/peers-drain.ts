import type { PeerContentJson } from '../../model/peer-care-json.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { CommandError, EXIT } from '../command-error.ts'
import { findPeer } from '../find-peer.ts'
import { formatContent, formatLeft } from '../format-care.ts'
import { parseWaitTimeout } from '../wait-for-status.ts'

const POLL_EVERY_MS = 2000
/** An answer costs a pass over the pinset: asking takes at most a tenth of the time. */
const REST_PER_ANSWER = 9
/** When nothing has moved for so long, it is asked why. */
const STALLED_MS = 30_000
const NOTHING_ARRIVES = ' | Others cannot get it: see "health alerts", "summary" and "status --filter error"'
const LINE_START = '\r\u001B[K'

/** `peers drain` */
export const peersDrain = defineCommand({
  path: ['peers', 'drain'],
  summary: 'move all content of a peer to others, so that it can be switched off',
  details:
    'Allocates nothing new to it and moves its pins; it keeps its copies until others have them. Any peers do the work, also when the one ' +
    'that was asked is stopped; run it again with --wait to look on. "peers uncordon" ends it. Pins that every peer keeps stay as long as ' +
    'it runs.',
  options: [
    { kind: 'flag', name: 'wait', aliases: ['w'], summary: 'show how far it is until the peer is empty' },
    {
      kind: 'text',
      name: 'wait-timeout',
      aliases: ['wt'],
      value: 'duration',
      default: '',
      summary: 'wait no longer than this; it goes on nevertheless',
    },
    {
      kind: 'flag',
      name: 'force',
      aliases: ['f'],
      summary: 'also when the others cannot take all of it: the rest stays',
    },
  ],
  args: '<peer ID or name>',
  examples: [
    'peers drain --wait 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv',
    'peers drain --force 12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv',
  ],
  async run({ args, options }, context) {
    const peer = await findPeer(args, context)
    const timeoutMs = parseWaitTimeout(options['wait-timeout'])
    const query = { force: String(options.force) }
    const begun = await context.client.drainPeer({ params: { peer }, query }, context)
    const last = options.wait ? await waitUntilEmpty(begun, timeoutMs, context) : begun
    await context.out.value(last, formatContent)
  },
})

async function waitUntilEmpty(
  { peer, unplaced: stuckCount }: PeerContentJson,
  timeoutMs: number,
  context: CommandContext,
): Promise<PeerContentJson> {
  const { client, clock, out } = context
  const tooLate = new CommandError(
    'waiting for the peer to be empty',
    `context deadline exceeded: peer ${peer} is not empty yet; it goes on being drained`,
    { code: 'TIMEOUT', exitCode: EXIT.waitedTooLong },
  )
  const deadline = new AbortController()
  using stack = new DisposableStack()
  if (timeoutMs > 0) stack.use(clock.schedule(timeoutMs, () => deadline.abort(tooLate)))
  stack.defer(() => void out.terminal?.write(LINE_START))
  const signal = AbortSignal.any([context.signal, deadline.signal])
  let before = ''
  let hasStalled = false
  let shown = ''
  let allocated = -1
  let movedAtMs = clock.monotonic()
  for (;;) {
    const askedAtMs = clock.monotonic()
    const isStalled = askedAtMs - movedAtMs >= STALLED_MS || allocated === stuckCount
    const query = { check: String(isStalled) }
    const content = await client.peerContent({ params: { peer }, query }, { signal })
    if (content.empty) return content
    if (isOver(content)) throw cannotGoOn(content)
    allocated = content.allocated
    const left = formatLeft(content)
    hasStalled = left === before && (hasStalled || isStalled) && holds(content)
    const line = hasStalled ? left + NOTHING_ARRIVES : left
    before = left
    if (line !== shown || isStalled) movedAtMs = clock.monotonic()
    if (line !== shown) await show(line, context)
    shown = line
    const tookMs = clock.monotonic() - askedAtMs
    await clock.sleep(Math.max(POLL_EVERY_MS, tookMs * REST_PER_ANSWER), signal)
  }
}

/** Whether others are to have something that they have not got yet. */
function holds({ hand_over }: PeerContentJson): boolean {
  return hand_over !== null && hand_over > 0
}

/** Whether nothing is left that others could take. */
function isOver({ allocated, unplaced, hand_over }: PeerContentJson): boolean {
  return allocated > 0 && unplaced === allocated && hand_over === 0
}

function cannotGoOn({ peer, allocated, unplaced_first }: PeerContentJson): CommandError {
  const [first] = unplaced_first
  const example = first === undefined ? '' : `. The first: ${first.cid}: ${first.reason}`
  return new CommandError(
    'waiting for the peer to be empty',
    `the ${allocated} pins that are left on peer ${peer} cannot be taken by others; it goes on being drained when they can${example}`,
  )
}

/** On a terminal in one line that changes; else in lines of their own, on standard error as well. */
async function show(line: string, { out }: CommandContext): Promise<void> {
  if (out.terminal === undefined) return out.note(line)
  out.terminal.write(`${LINE_START}${line.slice(0, Math.max(0, out.terminal.columns - 1))}`)
}
