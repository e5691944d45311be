import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { runSeeds } from './run-seeds.ts'
import { simulate } from './simulate.ts'
import type { Plan } from './world.ts'

const SEEDS = 200
/** Of runs in which content moves away from peers that leave; each takes about two seconds of processor time. */
const MOVING_SEEDS = 10

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
  assert.equal(Object.keys(faults).length, 21, Object.keys(faults).join(', '))
})

test(`no violation under ${MOVING_SEEDS} seeds in which peers die, are drained and removed`, {
  timeout: 170_000,
}, async () => {
  const failures: string[] = []
  const { runs, faults, moves } = await runSeeds({
    from: 1,
    count: MOVING_SEEDS,
    threads: 2,
    isStoppedAtFirst: false,
    lies: {},
    isMoving: true,
    onFailure: ({ seed, violation }) => {
      failures.push(`seed ${seed}: ${violation}; again with: npm run sim -- --seed ${seed} --trace --moves`)
    },
  })
  assert.deepEqual(failures, [])
  assert.equal(runs, MOVING_SEEDS)
  assert.ok((faults['absence'] ?? 0) > 0)
  assert.ok(moves.movesCount > 20, `only ${moves.movesCount} moves`)
  assert.ok(moves.doublesCount <= moves.movesCount / 4, `${moves.doublesCount} of ${moves.movesCount} twice`)
})
