import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Undefined when `strace` is there and may follow processes, else why not. */
export function tracingUnavailable(): string | undefined {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'no strace, or it may not follow processes here'
  }
}

/** Follows what a process writes to the files of a folder and what of it is synced to the disk. */
export interface PowerCut {
  /**
   * Whether a record of a database's log is on disk now while one before it, in the log before, is not: what a power cut would
   * leave is a state that never was.
   */
  readonly isOutOfOrder: boolean
  /**
   * To be called once the process was killed: takes from the files what was written and never synced, as a power cut does at
   * worst. Answers with the number of bytes that are gone.
   */
  strike(): Promise<number>
}

interface FileState {
  written: number
  durable: number
}

const CALLS = 'trace=write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat'
const LINE = /^(?:\[pid +(\d+)\] )?(.*)$/
const UNFINISHED = / <unfinished \.\.\.>$/
const RESUMED = /^<\.\.\. \w+ resumed>(.*)$/
const LOG = /^(.*\/)(\d+)\.log$/

/** Begins to follow a running process. What the folder holds by now counts as synced. */
export async function followSyncs(pid: number, folder: string): Promise<PowerCut> {
  const files = new Map<string, FileState>()
  const replay = new Replay(files)
  const args = ['-f', '-y', '-s', '0', '-e', CALLS, '-e', 'signal=none', '-p', String(pid)]
  const child = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stderr })
  const [first] = await once(lines, 'line')
  assert.match(String(first), /attached/)
  lines.on('line', line => replay.take(line))
  for (const path of await filesIn(folder)) {
    const { size } = await stat(path)
    files.set(path, { written: size, durable: size })
  }
  return {
    get isOutOfOrder() {
      return replay.isOutOfOrder
    },
    async strike() {
      await ended
      return cut(folder, files)
    },
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

/** Goes through the calls in their order. A call that others interrupt counts when it ends, a sync for what was written when it began. */
class Replay {
  readonly #files: Map<string, FileState>
  readonly #begun = new Map<string, { readonly text: string; readonly before: FileState | undefined }>()

  constructor(files: Map<string, FileState>) {
    this.#files = files
  }

  get isOutOfOrder(): boolean {
    const logs = [...this.#files].flatMap(([path, state]) => {
      const [, folder = '', number] = LOG.exec(path) ?? []
      return number === undefined ? [] : [{ folder, number: Number(number), ...state }]
    })
    return logs.some(
      log =>
        log.written > log.durable &&
        logs.some(
          ({ folder, number, durable }) => folder === log.folder && number > log.number && durable > 0,
        ),
    )
  }

  take(line: string): void {
    const [, thread = '', rest = ''] = LINE.exec(line) ?? []
    const resumed = RESUMED.exec(rest)
    if (UNFINISHED.test(rest)) {
      const text = rest.replace(UNFINISHED, '')
      this.#begun.set(thread, { text, before: snapshotOf(this.#files, text) })
    } else if (resumed === null) {
      apply(this.#files, rest, snapshotOf(this.#files, rest))
    } else {
      const start = this.#begun.get(thread)
      this.#begun.delete(thread)
      if (start !== undefined) apply(this.#files, `${start.text}${resumed[1] ?? ''}`, start.before)
    }
  }
}

function pathOf(call: string): string {
  return /^\w+\(\d+<([^>]+)>/.exec(call)?.[1] ?? ''
}

function snapshotOf(files: ReadonlyMap<string, FileState>, call: string): FileState | undefined {
  const state = files.get(pathOf(call))
  return state === undefined ? undefined : { ...state }
}

function apply(files: Map<string, FileState>, call: string, before: FileState | undefined): void {
  const result = Number(/= (-?\d+)[^=]*$/.exec(call)?.[1] ?? -1)
  if (result < 0) return
  const path = pathOf(call)
  const state = files.get(path)
  if (/^p?write/.test(call)) {
    if (state === undefined) files.set(path, { written: result, durable: 0 })
    else state.written += result
  } else if (/^f(data)?sync/.test(call)) {
    if (state !== undefined && before !== undefined) state.durable = Math.max(state.durable, before.written)
  } else {
    const [from = '', to] = [...call.matchAll(/"([^"]+)"/g)].map(match => match[1] ?? '')
    const moved = files.get(from)
    files.delete(from)
    if (to !== undefined && moved !== undefined) files.set(to, moved)
  }
}

async function cut(folder: string, files: ReadonlyMap<string, FileState>): Promise<number> {
  let goneBytes = 0
  for (const path of await filesIn(folder)) {
    const state = files.get(path)
    const { size } = await stat(path)
    if (state === undefined) {
      assert.equal(size, 0, `${path} was written to unseen`)
      continue
    }
    assert.equal(state.written, size, `${path} was written to unseen`)
    goneBytes += size - state.durable
    await truncate(path, state.durable)
  }
  return goneBytes
}
