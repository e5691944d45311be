import { createReadStream } from 'node:fs'
import type { CallOptions } from '../api/client.ts'
import { ClusterError, CODES, type Code, messageOf } from '../errors.ts'
import { backoffMs } from '../lib/backoff.ts'
import { systemRandom } from '../lib/random.ts'
import type { BulkAnswerJson, BulkCountsJson } from '../model/bulk-json.ts'
import { Backlog } from './backlog.ts'
import type { CommandContext } from './command.ts'
import { CommandError } from './command-error.ts'
import { openRedrawnLine } from './redrawn-line.ts'

/** Option of commands that take lines. */
export const fromOption = {
  kind: 'text',
  name: 'from',
  value: 'file',
  default: '',
  summary: 'take the pins from the lines of a file, or of standard input for "-"',
} as const

/** Refuses what does not go with `--from`. Throws `CommandError`. */
export function checkLines(options: { readonly wait: boolean }, args: readonly string[]): void {
  if (args.length > 0) throw new CommandError('', 'give either --from or one CID or path, not both')
  if (options.wait) throw new CommandError('', '--wait does not go with --from: see "status --filter"')
}

const REDRAW_EVERY_MS = 200
/** How often in a row a lost connection is made anew, and after which pauses. */
const RETRIES_MAX = 8
const RETRY = { firstMs: 1000, maxMs: 15_000 }
/** What may pass while a daemon is restarted or its disk is full. */
const PASSING: ReadonlySet<Code> = new Set(['PEER_UNREACHABLE', 'NOT_READY', 'READ_ONLY', 'STORE_FAILED'])

/** A call of the API that takes lines and answers each. */
export type LinesCall = (
  lines: AsyncIterable<Uint8Array>,
  options: CallOptions,
) => AsyncIterable<BulkAnswerJson>

/**
 * Sends the lines of a file, or of standard input for '-', and prints how many ended how; failures go to standard error,
 * each with its line. A lost connection is made anew, and goes on with the first line that was not answered.
 */
export async function sendLines(
  file: string,
  doing: string,
  call: LinesCall,
  context: CommandContext,
): Promise<void> {
  const { out, signal } = context
  const counts = { pinned: 0, unchanged: 0, removed: 0, absent: 0, failed: 0 }
  let lines = 0
  using counter = openRedrawnLine(out.terminal, context.clock, REDRAW_EVERY_MS)
  const tell = async (line: string) => {
    counter.hide()
    await out.note(line)
  }
  const tooLong: number[] = []
  const backlog = new Backlog(readSource(file, signal), line => tooLong.push(line))
  const take = async (answer: BulkAnswerJson) => {
    const line = backlog.take()
    if (line === undefined) throw new ClusterError('INTERNAL', 'the daemon answers lines that were not sent')
    const { status } = answer
    lines++
    counter.show((charactersMax, elapsedMs) => countText(lines, elapsedMs).slice(0, charactersMax))
    counts[isOutcome(status) ? status : 'failed']++
    if (!isOutcome(status)) await tell(failureText(line, answer))
  }
  try {
    await sendAll(backlog, call, take, tell, context)
  } catch (thrown) {
    if (lines > 0 && backlog.firstLine !== undefined)
      await tell(`${summaryText(lines, counts)}; stopped before line ${backlog.firstLine}`)
    throw thrown
  }
  for (const line of tooLong) await tell(`line ${line}: it is too long, and was not sent`)
  counts.failed += tooLong.length
  lines += tooLong.length
  counter.hide()
  await out.value({ lines, ...counts }, () => summaryText(lines, counts))
  if (counts.failed > 0) throw new CommandError(doing, `${counts.failed} of ${lines} lines failed`)
}

async function sendAll(
  backlog: Backlog,
  call: LinesCall,
  take: (answer: BulkAnswerJson) => Promise<void>,
  tell: (line: string) => Promise<void>,
  { clock, signal }: CommandContext,
): Promise<void> {
  let failures = 0
  let hasBegun = false
  for (;;) {
    try {
      for await (const answer of call(backlog.body(), { signal })) {
        if (answer.status === 'stopped') throw toError(answer)
        await take(answer)
        hasBegun = true
        failures = 0
      }
      if (backlog.isDone) return
      throw new ClusterError('PEER_UNREACHABLE', 'the answer ended before the last line')
    } catch (thrown) {
      signal.throwIfAborted()
      const isPassing = thrown instanceof ClusterError && PASSING.has(thrown.code)
      failures++
      if (!isPassing || !hasBegun || failures > RETRIES_MAX) throw thrown
      const pauseMs = backoffMs(failures, RETRY, systemRandom)
      await tell(`${messageOf(thrown)}; going on in ${(pauseMs / 1000).toFixed(1)} s`)
      await clock.sleep(pauseMs, signal)
    }
  }
}

function countText(lines: number, elapsedMs: number): string {
  return `${lines} lines, ${Math.round(lines / Math.max(0.001, elapsedMs / 1000))} a second`
}

function isOutcome(status: BulkAnswerJson['status']): status is Exclude<keyof BulkCountsJson, 'failed'> {
  return status === 'pinned' || status === 'unchanged' || status === 'removed' || status === 'absent'
}

function failureText(line: number, { cid, error }: BulkAnswerJson): string {
  return `line ${line}: ${cid === undefined ? '' : `${cid}: `}${error?.message ?? 'it failed'}`
}

function summaryText(lines: number, counts: BulkCountsJson): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0)
  return [`${lines} lines`, ...parts.map(([name, count]) => `${count} ${name}`)].join(', ')
}

function toError({ error }: BulkAnswerJson): ClusterError {
  const { code = 500, message = 'the daemon stopped', reason = '' } = error ?? {}
  const known = Object.hasOwn(CODES, reason) ? (reason as Code) : 'INTERNAL'
  return new ClusterError(known, message, { details: { status: code } })
}

async function* readSource(file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const stream = file === '-' ? process.stdin : createReadStream(file)
  const stop = () => stream.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const chunk of stream) yield Buffer.from(chunk)
  } catch (cause) {
    signal.throwIfAborted()
    throw new CommandError('reading pins', messageOf(cause), { cause })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
