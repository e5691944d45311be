import { parseArgs } from 'node:util'
import { drive, type Report } from './drive.ts'
import { TARGETS } from './targets.ts'

// npm run fuzz -- [--inputs 1000000] [--seed 1] [--target gossip]
// Feeds hostile inputs to everything that reads foreign bytes, and prints what became of them. The inputs are shared out among
// the targets by their weights; each seed makes other inputs, the same seed the same ones.

const HEAP_GROWTH_MAX = 64 * 1024 * 1024

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string', default: '' },
  },
})
const targets = TARGETS.filter(({ name }) => name.includes(values.target))
const weights = targets.reduce((sum, { weight }) => sum + weight, 0)
if (weights === 0) throw new Error(`no target has "${values.target}" in its name`)

const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1)
const cells = [24, 9, 9, 9, 10, 10, 9]
const row = (texts: readonly string[]) => texts.map((text, index) => text.padEnd(cells[index] ?? 0)).join(' ')

function show(
  { target, inputs, outcomes, slowestMs, heapBeforeBytes, heapAfterBytes }: Report,
  seconds: number,
): void {
  const accepted = outcomes.get('accepted') ?? 0
  const refused = [...outcomes].filter(([outcome]) => outcome !== 'accepted').sort(([, a], [, b]) => b - a)
  const heap = [mebibytes(heapBeforeBytes), mebibytes(heapAfterBytes)]
  const counts = [String(inputs), String(accepted), slowestMs.toFixed(0), ...heap, seconds.toFixed(0)]
  console.log(
    `${row([target, ...counts])} ${refused.map(([outcome, count]) => `${outcome} ${count}`).join(', ')}`,
  )
}

console.log(row(['target', 'inputs', 'accepted', 'max ms', 'heap MiB', 'after', 'seconds']), 'refused')
for (const target of targets) {
  const inputs = Math.ceil((Number(values.inputs) * target.weight) / weights)
  const began = performance.now()
  const report = await drive(target, { seed: Number(values.seed), inputs, heapGrowthMax: HEAP_GROWTH_MAX })
  show(report, (performance.now() - began) / 1000)
}
