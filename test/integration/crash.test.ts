import assert from 'node:assert/strict'
import test from 'node:test'
import { runCrashes } from '../crash/crash-run.ts'

// `npm run crash` does the same a hundred times.
test('peers that are killed under load show what they acknowledged as soon as they start, and all end equal', {
  timeout: 150_000,
}, async context => {
  const report = await runCrashes({
    kills: 4,
    seed: 5,
    clients: 20,
    preload: 300,
    partitions: 16,
    onRound: text => context.diagnostic(text),
  })
  assert.deepEqual(report.damages, [])
  assert.ok(report.kills >= 4)
  assert.ok(report.acknowledged > 500, `${report.acknowledged} writes acknowledged`)
})
