import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { movePlanOf } from './move-plan.ts'
import type { MoveCounts } from './move-watch.ts'
import { type Report, simulate } from './simulate.ts'
import type { Lies } from './world.ts'

/** Which seeds to run, and how. */
export interface SeedsOrder {
  readonly from: number
  readonly count: number
  readonly threads: number
  readonly isStoppedAtFirst: boolean
  readonly lies: Partial<Lies>
  /** Whether content moves away from peers that leave. */
  readonly isMoving?: boolean
  readonly onFailure: (report: Pick<Report, 'seed' | 'violation'>) => void
}

/** What all runs came to. */
export interface SeedsTotal {
  runs: number
  simulatedMs: number
  writes: number
  readonly faults: Record<string, number>
  readonly failed: number[]
  moves: MoveCounts
}

interface ThreadOrder {
  readonly seeds: readonly number[]
  readonly lies: Partial<Lies>
  readonly isMoving: boolean
}

/** Runs the seeds, on worker threads when there is more than one: a run is the same on whichever thread. */
export async function runSeeds(order: SeedsOrder): Promise<SeedsTotal> {
  const { from, count, threads, lies, isStoppedAtFirst, isMoving = false, onFailure } = order
  const moves = { movesCount: 0, doublesCount: 0, unexplainedCount: 0 }
  const total: SeedsTotal = { runs: 0, simulatedMs: 0, writes: 0, faults: {}, failed: [], moves }
  const take = (report: Report) => {
    add(total, report)
    if (report.violation !== undefined) onFailure(report)
    return isStoppedAtFirst && report.violation !== undefined
  }
  if (threads <= 1) {
    for (let seed = from; seed < from + count; seed++) if (take(await runOne(seed, lies, isMoving))) break
    return total
  }
  const all = Array.from({ length: count }, (_, at) => from + at)
  await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const seeds = all.filter((_seed, at) => at % threads === thread)
      return runThread({ seeds, lies, isMoving }, take)
    }),
  )
  return total
}

function runOne(seed: number, lies: Partial<Lies>, isMoving: boolean): Promise<Report> {
  return simulate(seed, isMoving ? { lies, plan: movePlanOf(seed) } : { lies })
}

function add(total: SeedsTotal, { seed, violation, simulatedMs, writesCount, faults, moves }: Report): void {
  total.moves = {
    movesCount: total.moves.movesCount + moves.movesCount,
    doublesCount: total.moves.doublesCount + moves.doublesCount,
    unexplainedCount: total.moves.unexplainedCount + moves.unexplainedCount,
  }
  total.runs++
  total.simulatedMs += simulatedMs
  total.writes += writesCount
  for (const [kind, times] of faults) total.faults[kind] = (total.faults[kind] ?? 0) + times
  if (violation !== undefined) total.failed.push(seed)
}

function runThread(order: ThreadOrder, take: (report: Report) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(import.meta.filename, { workerData: order })
    worker.on('message', (report: Report) => {
      if (take(report)) void worker.terminate()
    })
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  })
}

if (!isMainThread && isThreadOrder(workerData)) {
  for (const seed of workerData.seeds) {
    const report = await runOne(seed, workerData.lies, workerData.isMoving)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    parentPort?.postMessage(report)
  }
}

function isThreadOrder(value: unknown): value is ThreadOrder {
  return typeof value === 'object' && value !== null && 'seeds' in value && 'lies' in value
}
