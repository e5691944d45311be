// Everything that is known without running the program: format, types, soundness, dead code, place and size. All of them run,
// also when one finds something.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const TIDY = join('scripts', 'tidy.test.ts')

/** @type {readonly (readonly [name: string, command: string, ...args: string[]])[]} */
const CHECKS = [
  ['format', 'biome', 'ci', '--colors=off'],
  ['types', 'tsc', '-p', '.'],
  ['soundness', 'oxlint', '--type-aware'],
  ['dead code', 'knip', '--no-progress'],
  ...(existsSync(join(root, TIDY)) ? [/** @type {const} */ (['tidy', 'node', '--test', TIDY])] : []),
]

const failed = CHECKS.filter(([name, command, ...args]) => {
  const began = performance.now()
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name.padEnd(10)} ${seconds} s`)
  if (status !== 0) console.log(`${stdout}${stderr}`)
  return status !== 0
})
if (failed.length > 0) process.exitCode = 1
