import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { ArrivalHistory } from './arrival-history.ts'
import { PHI_MAX, phiOf } from './phi.ts'

test('phi has the values of the approximated normal tail', () => {
  const rows: readonly (readonly [deviations: number, phi: number])[] = [
    [-2, 0.01],
    [0, 0.301],
    [1, 0.8],
    [2, 1.643],
    [3, 2.909],
    [5, 7.3],
    [8, 21.242],
  ]
  for (const [deviations, phi] of rows)
    assert.ok(Math.abs(phiOf(1000 + deviations * 200, 1000, 200) - phi) < 0.01, `${deviations}`)
})

test('phi is finite, never negative, at most the cap, and never falls while the silence lasts', () => {
  const ms = fc.double({ min: 0, max: 1e15, noNaN: true })
  const deviation = fc.double({ min: 1e-3, max: 1e9, noNaN: true })
  fc.assert(
    fc.property(ms, ms, ms, deviation, (silence, more, mean, deviationMs) => {
      const phi = phiOf(silence, mean, deviationMs)
      assert.ok(phi >= 0 && phi <= PHI_MAX)
      assert.ok(phiOf(silence + more, mean, deviationMs) >= phi)
      assert.equal(JSON.parse(JSON.stringify(phi)), phi)
    }),
  )
  assert.equal(phiOf(1e15, 0, 1), PHI_MAX)
})

test('the history is that of the last samples only', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 600_000 }), { minLength: 20, maxLength: 60 }), samples => {
      const history = new ArrivalHistory(1000, 10)
      for (const sample of samples) history.add(sample)
      const last = samples.slice(-10)
      const mean = last.reduce((sum, each) => sum + each, 0) / 10
      const variance = last.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 10
      assert.ok(Math.abs(history.meanMs - mean) < 1e-6)
      assert.ok(Math.abs(history.deviationMs - Math.sqrt(variance)) < 0.1)
    }),
  )
})
