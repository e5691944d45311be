import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { DETECTOR_MUTANTS } from './mutants.ts'
import { type SmallResult, smallTrial } from './small-trial.ts'

const run = promisify(execFile)
const RUN = join(import.meta.dirname, 'run.ts')

/** What is wrong with a result; undefined when all is well. */
function faultOf({ gone, suspect }: SmallResult): string | undefined {
  if (gone.detections < 1000) return `only ${gone.detections} deaths were noticed`
  if (gone.falseCount > 0) return `${gone.falseCount} living peers were taken for gone`
  if (gone.p99 > 15_000) return `deaths are noticed after ${gone.p99} ms`
  return suspect.p99 > 7000 ? `the dead are suspect after ${suspect.p99} ms` : undefined
}

test('with losses, jitter, pauses and suspensions nobody living is taken for gone, and deaths are noticed within 15 s', () => {
  const result = smallTrial()
  assert.equal(faultOf(result), undefined)
  // The trial is hard: plain time-outs of 5 s and of 12.5 s err on the same messages.
  for (const { falseCount } of result.plain) assert.ok(falseCount > 100)
})

for (const { name, says } of DETECTOR_MUTANTS) {
  test(`the trial notices when ${says}`, async t => {
    const { stdout } = await run(process.execPath, [RUN, name], { timeout: 100_000 })
    const fault = faultOf(JSON.parse(stdout))
    assert.ok(fault !== undefined, `nothing is wrong with "${name}"`)
    t.diagnostic(fault)
  })
}
