// One trial, its result as JSON on stdout. With a name, after that mutant was put into the source.
// usage: node test/detector/run.ts [MUTANT]
import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { DETECTOR_MUTANTS } from './mutants.ts'

const [name] = process.argv.slice(2)
if (name !== undefined) {
  const mutant = DETECTOR_MUTANTS.find(each => each.name === name)
  assert.ok(mutant, `there is no mutant "${name}"`)
  const { file, find, put } = mutant
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      if (!url.endsWith(`/src/monitor/${file}`)) return loaded
      const { source } = loaded
      const text = typeof source === 'string' ? source : new TextDecoder().decode(source)
      assert.equal(
        text.split(find).length,
        2,
        `${file} must hold "${find}" once: adapt test/detector/mutants.ts`,
      )
      return { ...loaded, source: text.replace(find, put) }
    },
  })
}
const { smallTrial } = await import('./small-trial.ts')
console.log(JSON.stringify(smallTrial()))
