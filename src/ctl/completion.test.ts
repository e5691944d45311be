import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { commands, completable } from './command-table.ts'
import { completionScript, SHELLS } from './completion.ts'

const places = completable()

/** What bash offers behind the words, the last of which is being typed. */
function complete(...words: readonly string[]): readonly string[] {
  const script = completionScript('bash', 'cluster-ctl', places)
  const line = ['cluster-ctl', ...words].map(word => `'${word}'`).join(' ')
  const code = `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length}; _cluster_ctl; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', code], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout.split('\n').filter(text => text !== '')
}

test('bash completes commands, those of groups, and options, past global options and their values', () => {
  assert.deepEqual(new Set(complete('sta')), new Set(['state', 'status']))
  assert.deepEqual(complete('pin', ''), [...new Set(complete('pin', ''))])
  for (const word of ['add', 'rm', 'update', 'ls']) assert.ok(complete('pin', '').includes(word))
  assert.deepEqual(complete('--host', '/ip4/1.2.3.4/tcp/9094', '--debug', 'pin', 'upd'), ['update'])
  assert.ok(complete('pin', 'add', '--wait-t').includes('--wait-timeout'))
  assert.ok(complete('--enc').includes('--encoding'))
})

test('every script names every command that help shows, and all their options', () => {
  for (const shell of SHELLS) {
    const script = completionScript(shell, 'cluster-ctl', places)
    for (const { path, options, isHidden } of commands) {
      if (isHidden === true) continue
      assert.ok(script.includes(path.at(-1) ?? ''), `${shell} ${path.join(' ')}`)
      for (const { name } of options) assert.ok(script.includes(name), `${shell} ${path.join(' ')} --${name}`)
    }
  }
})

for (const shell of ['zsh', 'fish'] as const) {
  test(`${shell} understands its script`, t => {
    const script = completionScript(shell, 'cluster-ctl', places)
    const { error, status, stderr } = spawnSync(shell, ['-n'], { encoding: 'utf8', input: script })
    if (error !== undefined) return t.skip(`${shell} is not in the PATH`)
    assert.equal(status, 0, stderr)
  })
}
