// What the failure detector does in a simulated day, beside plain time-outs on the same messages, and what heartbeats cost.
// A table on stdout; with --write it goes into docs/internals/failure-detector.md, and the plot beside it.
// usage: node --expose-gc bench/detector.ts [HOURS=24] [--write]
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Trial } from '../test/detector/simulate.ts'
import { quantile, type Score, type Tally } from '../test/detector/tally.ts'
import { DETECTOR_CONFIG } from '../test/support/monitor-config.ts'
import { heartbeatCosts } from './detector/costs.ts'
import { drawDetector } from './detector/plot.ts'
import { runTrial } from './detector/trial.ts'

const [first = '24'] = process.argv.slice(2).filter(argument => !argument.startsWith('--'))
const hours = Number(first)
const docs = join(import.meta.dirname, '../docs/internals')
const TIMEOUTS_MS = [2.5, 3, 4, 5, 6, 8, 10, 11, 12, 12.5, 13, 14, 15, 17.5, 20, 25, 30].map(s => s * 1000)

const shown = (ms: number) => (ms / 1000).toFixed(1)
const count = (number: number) => number.toLocaleString('en')

async function run(options: Partial<Trial> & Pick<Trial, 'peersCount' | 'observersCount'>): Promise<Tally> {
  const tally = await runTrial({
    seed: 2026,
    hours,
    detector: DETECTOR_CONFIG,
    timeoutsMs: TIMEOUTS_MS,
    ...options,
  })
  const { trial, pausesCount, suspensionsCount, deathsCount } = tally
  console.error(
    `${trial.peersCount} peers, ${trial.observersCount} observers: ${count(pausesCount)} pauses, ${deathsCount} deaths, ${suspensionsCount} suspensions`,
  )
  return tally
}

function row(name: string, peers: number, { falseCount, falseAfterOwnCount, detectionsMs }: Score): string {
  const times = [0.5, 0.99, 0.999].map(share => shown(quantile(detectionsMs, share)))
  const mistakes = `${count(falseCount)} | ${count(falseAfterOwnCount)}`
  return `| ${name} | ${count(peers)} | ${mistakes} | ${count(detectionsMs.length)} | ${times.join(' / ')} s |`
}

function rowsOf(tally: Tally, alone: Tally | undefined): string[] {
  const { peersCount } = tally.trial
  const plain = [5, 15, 20, 30].flatMap(seconds => {
    const score = tally.plain.get(seconds * 1000)
    return score === undefined ? [] : [row(`plain time-out of ${seconds} s`, peersCount, score)]
  })
  return [
    row('**Pinfold: gone**', peersCount, tally.gone),
    ...(alone === undefined ? [] : [row('the same, nobody asked what others hear', peersCount, alone.gone)]),
    ...plain,
    row('IPFS Cluster: each 15 s, good for 30 s, looked at each 15 s', peersCount, tally.reference),
  ]
}

// Before the trials, whose leavings would count as memory.
const costs = await heartbeatCosts()
const hundred = { peersCount: 100, observersCount: 20 }
const [small, alone, large] = await Promise.all([
  run(hundred),
  run({ ...hundred, hasOpinions: false }),
  run({ peersCount: 1000, observersCount: 5 }),
])
const perPair = (tally: Tally, { falseCount, falseInPauseCount }: Score) =>
  ((falseCount - falseInPauseCount) / tally.pairDays).toFixed(2)
const lines = [
  '| who decides | peers | living ones taken for gone | of these right after an own suspension | deaths × observers | noticed after, p50 / p99 / p99.9 |',
  '| --- | --- | --- | --- | --- | --- |',
  ...rowsOf(small, alone),
  ...rowsOf(large, undefined),
  '',
  ...[small, large].map(
    tally =>
      `${count(tally.trial.peersCount)} peers, ${tally.trial.observersCount} of them observers, ${hours} h: ${count(tally.pausesCount)} pauses of 10 s, ${count(tally.deathsCount)} deaths, ${tally.suspensionsCount} suspensions of observers; ${count(tally.pairDays)} days of one peer watching another. *Suspect* outside of pauses: ${perPair(tally, tally.suspect)} times per pair and day, *unreachable*: ${perPair(tally, tally.unreachable)}. Heartbeats sent: ${(tally.sentCount / (tally.trial.peersCount * hours * 3600)).toFixed(3)} per peer and second.`,
  ),
  '',
  ...costs,
]
const table = lines.join('\n')
console.log(table)
if (process.argv.includes('--write')) {
  await writeFile(join(docs, 'failure-detector.svg'), drawDetector(large))
  const file = join(docs, 'failure-detector.md')
  const text = await readFile(file, 'utf8')
  const marked = /<!-- detector -->[\s\S]*<!-- \/detector -->/
  await writeFile(file, text.replace(marked, `<!-- detector -->\n\n${table}\n\n<!-- /detector -->`))
}
