// npm run sim -- --seeds 10000 | --seed 18 --trace | --from 5000 --seeds 100 | --mutant clock-reuse --stop-at-first
// With --moves content moves away from peers that leave.
// Runs seeds one after the other, on as many threads as --threads says, and reports; ends with 1 when a seed failed.
import { parseArgs } from 'node:util'
import type { MoveCounts } from './move-watch.ts'
import { MUTANTS } from './mutants.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    moves: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1' },
    mutant: { type: 'string' },
    'stop-at-first': { type: 'boolean', default: false },
  },
})
const mutant = MUTANTS.find(({ name }) => name === values.mutant)
if (values.mutant !== undefined && mutant === undefined)
  throw new Error(`mutants are: ${MUTANTS.map(({ name }) => name).join(', ')}`)
if (mutant?.patch !== undefined) {
  process.env['SIM_MUTANT'] = mutant.name
  await import('./mutate.ts')
}
// Only now: a mutant is put into the source while that is loaded.
const { runSeeds } = await import('./run-seeds.ts')
const { simulate } = await import('./simulate.ts')
const { movePlanOf } = await import('./move-plan.ts')
const lies = mutant?.lies ?? {}
const isMoving = values.moves || mutant?.isMoving === true

if (values.seed !== undefined) {
  const tell = (line: string) => (values.trace ? console.log(line) : undefined)
  const seed = Number(values.seed)
  const plan = isMoving ? movePlanOf(seed) : {}
  const { violation, traceDigest, moves } = await simulate(seed, { lies, tell, plan })
  if (isMoving) console.log(JSON.stringify(moves))
  console.log(`${violation ?? 'no violation'}\ntrace ${traceDigest}`)
  if (violation !== undefined) process.exitCode = 1
} else {
  const beganMs = performance.now()
  const total = await runSeeds({
    from: Number(values.from),
    count: Number(values.seeds),
    threads: Number(values.threads),
    isStoppedAtFirst: values['stop-at-first'],
    lies,
    isMoving,
    onFailure: ({ seed, violation }) => {
      const more = `${isMoving ? ' --moves' : ''}${mutant === undefined ? '' : ` --mutant ${mutant.name}`}`
      console.log(
        `seed ${seed}: ${violation?.split('\n')[0]}\n  again: npm run sim -- --seed ${seed} --trace${more}`,
      )
    },
  })
  const minutes = (performance.now() - beganMs) / 60_000
  const hours = total.simulatedMs / 3_600_000
  const kinds = Object.entries(total.faults).sort(([, a], [, b]) => b - a)
  const faults = kinds.reduce((sum, [, times]) => sum + times, 0)
  for (const [kind, times] of kinds) console.log(`${String(times).padStart(9)}  ${kind}`)
  console.log(
    `${String(faults).padStart(9)}  faults in all
${total.runs} seeds, ${total.writes} writes, ${hours.toFixed(1)} simulated hours in ${minutes.toFixed(1)} minutes
a minute: ${(hours / minutes).toFixed(1)} simulated hours, ${Math.round(faults / minutes)} faults
${movesText(total.moves)}failed: ${total.failed.length === 0 ? 'none' : total.failed.join(' ')}`,
  )
  if (total.failed.length > 0) process.exitCode = 1
}

function movesText({ movesCount, doublesCount, unexplainedCount }: MoveCounts): string {
  if (!isMoving) return ''
  return `${movesCount} allocations moved, ${doublesCount} of them twice, ${unexplainedCount} without a race that explains it\n`
}
