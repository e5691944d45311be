// The simulation itself under test: a simulation that finds nothing proves nothing.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { MUTANTS } from './mutants.ts'

const RUN = join(import.meta.dirname, 'run.ts')

for (const { name, says, fromSeed = 1, seedsMax } of MUTANTS) {
  test(`it is found when ${says}`, { timeout: 120_000 }, () => {
    const seeds = ['--from', String(fromSeed), '--seeds', String(seedsMax)]
    const order = ['--mutant', name, ...seeds, '--stop-at-first']
    const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, ...order], { encoding: 'utf8' })
    assert.equal(status, 1, `${stdout}${stderr}`)
    assert.match(stdout, /^seed \d+: /m, `${stdout}${stderr}`)
  })
}
