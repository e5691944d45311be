import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { restartLean } from './lean-process.ts'

const SERVICE = join(import.meta.dirname, '../bin/cluster-service.ts')

/** A process that notes what it would be replaced with. */
function processWith(argv: readonly string[], execArgv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const calls: { readonly file: string; readonly args: readonly string[] }[] = []
  const execve = (file: string, args: readonly string[] = []) => {
    calls.push({ file, args })
  }
  const fake = {
    argv: ['/node', '/service.js', ...argv],
    execArgv,
    env,
    execPath: '/node',
    platform: 'linux',
    execve,
  }
  // Only these members are looked at.
  restartLean(fake as unknown as NodeJS.Process)
  return calls
}

test('a daemon starts anew once with a small young generation, and keeps its arguments', () => {
  const [call, ...more] = processWith(['-c', '/x', 'daemon', '--bootstrap', 'a'], ['--cpu-prof'])
  assert.deepEqual(more, [])
  assert.equal(call?.file, '/node')
  const flag = '--max-semi-space-size=8'
  const rest = ['--cpu-prof', '/service.js', '-c', '/x', 'daemon', '--bootstrap', 'a']
  assert.deepEqual(call?.args, ['/node', flag, ...rest])
  assert.deepEqual(processWith(['daemon'], [flag]), [])
})

test('other commands, and daemons whose operator has chosen a size, run as they are', () => {
  assert.deepEqual(processWith(['init'], []), [])
  assert.deepEqual(processWith(['daemon'], [], { NODE_OPTIONS: '--max-semi-space-size=64' }), [])
})

test('compiled code is kept below the cache folder of the user, and all output comes out before the end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pinfold-cache-'))
  try {
    const env = { PATH: process.env['PATH'], HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') }
    const { stdout, status } = spawnSync(process.execPath, [SERVICE, '--help'], { env })
    assert.equal(status, 0)
    assert.match(stdout.toString(), /daemon[^]*\n$/)
    assert.ok(existsSync(join(folder, 'cache', 'pinfold', 'compiled')))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
