import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { growSlowly, restartLean } from './lean-process.ts'

const SERVICE = join(import.meta.dirname, '../bin/cluster-service.ts')

interface Call {
  readonly file: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** What a process would be replaced with, and the flags that it sets. */
function processWith(argv: readonly string[], execArgv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const calls: Call[] = []
  const flags: string[] = []
  const execve = (file: string, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) => {
    calls.push({ file, args, env: environment })
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
  const process = fake as unknown as NodeJS.Process
  restartLean(process)
  growSlowly(process, flag => void flags.push(flag))
  return { calls, flags }
}

test('a daemon starts anew once with a small young generation, and keeps its arguments', () => {
  const { calls } = processWith(['-c', '/x', 'daemon', '--bootstrap', 'a'], ['--cpu-prof'])
  const [call, ...more] = calls
  assert.deepEqual(more, [])
  assert.equal(call?.file, '/node')
  const flag = '--max-semi-space-size=8'
  const rest = ['--cpu-prof', '/service.js', '-c', '/x', 'daemon', '--bootstrap', 'a']
  assert.deepEqual(call?.args, ['/node', flag, ...rest])
  assert.deepEqual(processWith(['daemon'], [flag]).calls, [])
})

test('other commands, and daemons whose operator has chosen a size, run as they are', () => {
  assert.deepEqual(processWith(['init'], []), { calls: [], flags: [] })
  assert.deepEqual(processWith(['daemon'], [], { NODE_OPTIONS: '--max-semi-space-size=64' }).calls, [])
})

test('a daemon has two heaps of malloc, unless its operator has chosen how many, and keeps its environment', () => {
  const [call] = processWith(['daemon'], [], { HOME: '/home/a' }).calls
  assert.deepEqual(call?.env, { MALLOC_ARENA_MAX: '2', HOME: '/home/a' })
  assert.deepEqual(processWith(['daemon'], [], { MALLOC_ARENA_MAX: '8' }).calls[0]?.env, {
    MALLOC_ARENA_MAX: '8',
  })
})

test('a daemon lets its heap grow by half of what lives, unless its operator has chosen how, with a flag that V8 knows', () => {
  const { flags } = processWith(['daemon'], [])
  assert.deepEqual(flags, ['--heap-growing-percent=50'])
  assert.deepEqual(processWith(['daemon'], ['--heap-growing-percent=100']).flags, [])
  // Node ends with an error for a flag that neither it nor V8 knows.
  assert.equal(spawnSync(process.execPath, [...flags, '-e', '']).status, 0)
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
