// To be imported before the simulation: puts the mutant named by the environment variable SIM_MUTANT into the source as it is
// loaded. The files stay as they are.
import assert from 'node:assert/strict'
import { type LoadHookSync, registerHooks } from 'node:module'
import { MUTANTS } from './mutants.ts'

const name = process.env['SIM_MUTANT']
const patch = MUTANTS.find(mutant => mutant.name === name)?.patch
assert.ok(patch, `there is no mutant "${name}" that is put into the source`)
const { file, find, put } = patch

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(`/src/${file}`)) return loaded
    const source = textOf(loaded.source)
    assert.equal(
      source.split(find).length,
      2,
      `src/${file} must hold "${find}" once: adapt test/sim/mutants.ts`,
    )
    return { ...loaded, source: source.replace(find, put) }
  },
})

function textOf(source: ReturnType<LoadHookSync>['source']): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source)
}
