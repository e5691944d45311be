import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { simulate, type Trial, trialOf } from '../../test/detector/simulate.ts'
import type { Tally } from '../../test/detector/tally.ts'

/** Runs a trial on a thread of its own. */
export async function runTrial(options: Parameters<typeof trialOf>[0]): Promise<Tally> {
  const worker = new Worker(new URL(import.meta.url), { workerData: trialOf(options) })
  const [tally]: Tally[] = await once(worker, 'message')
  if (tally === undefined) throw new Error('a trial came to nothing')
  return tally
}

if (!isMainThread) {
  const trial: Trial = workerData
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(simulate(trial))
}
