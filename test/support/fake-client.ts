import type { CallOptions, Client } from '../../src/api/client.ts'
import { routes } from '../../src/api/routes.ts'
import { type CtlIo, runCtl } from '../../src/ctl/run-ctl.ts'
import { hastyClock } from './hasty-clock.ts'
import { type TextSink, textSink } from './text-sink.ts'

/** A call that a command made. */
export interface Call {
  readonly name: string
  readonly input: {
    readonly params?: Readonly<Record<string, string>>
    readonly query?: Readonly<Record<string, string>>
    readonly entries?: AsyncIterable<unknown>
  }
}

/** Answers to the calls of a route in order, the last again and again; an error is thrown. A stream answers a list. */
export type Answers = { readonly [Name in keyof Client]?: readonly unknown[] }

/** What one command line did. */
export interface FakeRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly calls: readonly Call[]
  /** Entries of an upload as text. */
  readonly uploaded: readonly string[]
  readonly elapsedMs: number
}

/** The moment at which `runFake` begins. */
export const FAKE_START_MS = Date.parse('2030-01-01T00:00:00Z')

/** Runs a command line of `cluster-ctl` against answers written by hand. */
export async function runFake(
  line: readonly string[],
  answers: Answers,
  io: Partial<CtlIo> = {},
): Promise<FakeRun> {
  const stdout = textSink()
  const stderr: TextSink = io.stderr === undefined ? textSink() : (io.stderr as TextSink)
  const clock = hastyClock(FAKE_START_MS)
  const { client, calls, uploaded } = fakeClient(answers)
  const exitCode = await runCtl(line, {
    program: 'cluster-ctl',
    version: '0',
    env: {},
    clock,
    signal: new AbortController().signal,
    openClient: () => client,
    ...io,
    stdout,
    stderr,
  })
  return { exitCode, stdout: stdout.text, stderr: stderr.text, calls, uploaded, elapsedMs: clock.monotonic() }
}

function fakeClient(answers: Answers) {
  const calls: Call[] = []
  const uploaded: string[] = []
  const counts = new Map<string, number>()
  const next = (name: string): unknown => {
    const list: readonly unknown[] = (answers as Record<string, readonly unknown[]>)[name] ?? []
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    const answer = list[Math.min(count, list.length - 1)]
    if (answer instanceof Error) throw answer
    return answer
  }
  // Throws as a rejection, as a call over HTTP would.
  const answerOne = async (name: string) => next(name)
  async function* stream(name: string, input: Call['input']) {
    if (input.entries !== undefined) await readEntries(input.entries, uploaded)
    for (const document of next(name) as readonly unknown[]) {
      if (document instanceof Error) throw document
      yield document
    }
  }
  const entries = Object.entries(routes).map(([name, route]) => {
    const call = (input: Call['input'], options: CallOptions) => {
      options.signal.throwIfAborted()
      calls.push({ name, input })
      if ('streams' in route) return stream(name, input)
      return answerOne(name)
    }
    return [name, call] as const
  })
  return { client: Object.fromEntries(entries) as unknown as Client, calls, uploaded }
}

interface AnyEntry {
  readonly kind: string
  readonly path: string
  readonly content?: AsyncIterable<Uint8Array>
  readonly target?: string
}

async function readEntries(entries: AsyncIterable<unknown>, uploaded: string[]): Promise<void> {
  for await (const entry of entries) {
    const { kind, path, content, target } = entry as AnyEntry
    const chunks: Uint8Array[] = []
    for await (const chunk of content ?? []) chunks.push(chunk)
    const text = target ?? Buffer.concat(chunks).toString('utf8')
    uploaded.push(`${kind} ${path}${text === '' ? '' : ` ${text}`}`)
  }
}
