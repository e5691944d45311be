import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { runSeeds } from './run-seeds.ts'
import { simulate } from './simulate.ts'
import type { Plan } from './world.ts'

const SEEDS = 200

interface Regression {
  readonly seed: number
  /** What the seed decided when it found something, where it decides otherwise today. */
  readonly plan: Partial<Plan>
  readonly found: string
}

function regressions(): readonly Regression[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'regressions.json'), 'utf8'))
}

test('equal seeds give equal events, other seeds others', async () => {
  const first = await simulate(7)
  const again = await simulate(7)
  assert.equal(first.traceDigest, again.traceDigest)
  assert.equal(first.eventsCount, again.eventsCount)
  assert.notEqual(first.traceDigest, (await simulate(8)).traceDigest)
})

for (const { seed, plan, found } of regressions()) {
  test(`seed ${seed} stays without violation, which once found: ${found}`, async () => {
    assert.equal((await simulate(seed, { plan })).violation, undefined)
  })
}

test(`no violation under ${SEEDS} seeds`, { timeout: 170_000 }, async () => {
  const failures: string[] = []
  const { runs, faults } = await runSeeds({
    from: 1,
    count: SEEDS,
    threads: 2,
    isStoppedAtFirst: false,
    lies: {},
    onFailure: ({ seed, violation }) => {
      failures.push(`seed ${seed}: ${violation}; again with: npm run sim -- --seed ${seed} --trace`)
    },
  })
  assert.deepEqual(failures, [])
  assert.equal(runs, SEEDS)
  // Every kind of fault there is was put in: none has become impossible unnoticed.
  assert.equal(Object.keys(faults).length, 20, Object.keys(faults).join(', '))
})
