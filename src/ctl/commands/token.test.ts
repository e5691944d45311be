import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFake } from '../../../test/support/fake-client.ts'

const NEVER = '0001-01-01T00:00:00Z'
const token = {
  name: 'ci',
  scope: 'pin',
  hash: 'ab'.repeat(32),
  created_at: '2030-01-01T00:00:00Z',
  expires_at: NEVER,
  limits: { requests_per_second: 0, pins: 100, bytes: 0 },
  used: { pins: 3, bytes: 5, last_at: '2030-01-02T00:00:00Z' },
}

test('a new token is printed alone, so that scripts can take it; that it is not shown again stands beside it', async () => {
  const line = ['token', 'create', '--scope', 'pin', '--expire-in', '24h', '--pins', '100', 'ci']
  const run = await runFake(line, { createToken: [{ details: token, token: 'pf_x' }] })
  assert.equal(run.exitCode, 0, run.stderr)
  assert.equal(run.stdout, 'pf_x\n')
  assert.match(run.stderr, /^This is shown only once\./)
  assert.deepEqual(run.calls[0]?.input, {
    body: {
      name: 'ci',
      scope: 'pin',
      limits: { requests_per_second: 0, pins: 100, bytes: 0 },
      expires_at: '2030-01-02T00:00:00Z',
    },
  })
})

test('a token of another peer is taken by its hash, and nothing is printed', async () => {
  const run = await runFake(['token', 'create', '--hash', 'ab'.repeat(32), 'ci'], {
    createToken: [{ details: token }],
  })
  assert.deepEqual([run.exitCode, run.stdout, run.stderr], [0, '', ''])
})

test('wrong words are refused before anything is asked', async () => {
  for (const line of [
    ['token', 'create', '--scope', 'root', 'ci'],
    ['token', 'create', '--expire-in', 'soon', 'ci'],
    ['token', 'create', 'a b'],
  ]) {
    const run = await runFake(line, {})
    assert.deepEqual([run.exitCode, run.calls.length], [1, 0], line.join(' '))
    assert.match(run.stderr, /^error creating token: /)
  }
})

test('tokens are listed and revoked in one line each', async () => {
  const other = {
    ...token,
    name: 'old',
    expires_at: '2030-01-02T00:00:00Z',
    limits: { ...token.limits, requests_per_second: 5, pins: 0 },
  }
  const listed = await runFake(['token', 'ls'], {
    tokens: [[token, { ...other, used: { ...token.used, last_at: NEVER } }]],
  })
  assert.equal(
    listed.stdout,
    'ci | pin | expires: never | pins: 3 of 100 | bytes: 5 | last used: 2030-01-02T00:00:00Z\n' +
      'old | pin | expires: 2030-01-02T00:00:00Z | at most 5 requests/s | pins: 3 | bytes: 5 | last used: never\n',
  )
  const revoked = await runFake(['token', 'revoke', 'ci'], { revokeToken: [token] })
  assert.match(revoked.stdout, /^ci \| pin \|/)
  assert.deepEqual(revoked.calls[0]?.input, { params: { name: 'ci' } })
})
