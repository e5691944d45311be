import assert from 'node:assert/strict'
import { it } from 'node:test'
import { drive } from './drive.ts'
import { TARGETS } from './targets.ts'

// A short run in front of every commit; `npm run fuzz` is the long one.
const INPUTS = 20_000
const SEED = 20_261_121

const weights = TARGETS.reduce((sum, { weight }) => sum + weight, 0)
for (const target of TARGETS) {
  it(`${target.name}: whatever comes is taken as what it is or refused with an error, and nothing breaks`, async () => {
    const inputs = Math.ceil((INPUTS * target.weight) / weights)
    const { outcomes } = await drive(target, { seed: SEED, inputs })
    // A run in which everything is refused, or nothing, has tested nothing.
    const accepted = outcomes.get('accepted') ?? 0
    assert.ok(accepted > inputs / 100 && accepted < inputs, `${accepted} of ${inputs} inputs were accepted`)
  })
}
