import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { systemRandom } from '../lib/random.ts'
import { hashOfToken, makeTokenText } from '../model/token.ts'
import { type Caller, type GateConfig, isRefusal, makeGate } from './auth.ts'
import { parseBasic, passwordCheck } from './auth-basic.ts'
import { issueJwt, userOfJwt } from './auth-jwt.ts'
import { Tokens } from './tokens/tokens.ts'

const NOW_MS = 1_700_000_000_000
const clock = virtualClock(NOW_MS)
const users = new Map([
  ['alice', 'secret'],
  ['bob', 'pa:ss'],
  ['empty', ''],
])
const text = makeTokenText(systemRandom)
const old = makeTokenText(systemRandom)
const stored = [
  { name: 'ci', scope: 'pin', hash: hashOfToken(text) },
  { name: 'old', scope: 'admin', hash: hashOfToken(old), expires_at: '2020-01-01T00:00:00Z' },
]
const parts = { clock, random: systemRandom, logger: silentLogger() }
const tokens = new Tokens(parts, join(tmpdir(), 'never-written'), stored)
after(() => tokens[Symbol.asyncDispose]())

const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`

function ask(header: string | undefined, config: Partial<GateConfig> = {}): Caller | string {
  const gate = makeGate(
    { tokens, clock },
    {
      basicAuth: Object.fromEntries(users),
      anonymousScope: undefined,
      certificateScope: 'admin',
      peerScopes: new Map(),
      ...config,
    },
  )
  const request = new IncomingMessage(new Socket())
  if (header !== undefined) request.headers.authorization = header
  const found = gate.admit(request)
  return isRefusal(found) ? found.error.message : found
}

test('only a known user with its password is let in', () => {
  const isRight = passwordCheck(users)
  const check = (credentials: string) => {
    const given = parseBasic(basic(credentials))
    assert.ok(given !== undefined)
    return isRight(given)
  }
  assert.equal(check('alice:secret'), true)
  assert.equal(check('bob:pa:ss'), true)
  for (const wrong of [
    'alice:',
    'alice:Secret',
    'carol:secret',
    ':',
    'empty:',
    ':secret',
    '__proto__:x',
    'alice:pa:ss',
  ]) {
    assert.equal(check(wrong), false, wrong)
    assert.equal(ask(basic(wrong)), 'unauthorized: access denied')
  }
  for (const unusable of [undefined, '', 'Basic', 'Basic !!!', basic('alice'), 'Digest x', 'Bearer']) {
    assert.equal(ask(unusable), 'unauthorized: no auth provided', unusable)
  }
  assert.deepEqual(ask(basic('alice:secret')), {
    kind: 'user',
    name: 'alice',
    scope: 'admin',
    quota: undefined,
  })
})

test('a JWT is let in as long as its user, password, signature and times are right', () => {
  const make = (claims: object, password = 'secret', alg = 'HS256') => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = `${part({ alg, typ: 'JWT' })}.${part(claims)}`
    const hash = `sha${alg.slice(2)}`
    return `${signed}.${alg.startsWith('HS') ? createHmac(hash, password).update(signed).digest('base64url') : ''}`
  }
  const now = NOW_MS / 1000
  const user = (token: string) => userOfJwt(token, users, NOW_MS)
  const iss = 'alice'
  assert.equal(
    issueJwt('alice', 'secret1'),
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhbGljZSJ9.oulmjQ6EjfLSCFxttEML6ltY32JU9eSRQ1JjvtlZ01M',
  )
  for (const good of [
    issueJwt('alice', 'secret'),
    make({ iss }, 'secret', 'HS384'),
    make({ iss, aud: ['x'], exp: now + 1, nbf: now, iat: now, other: {} }, 'secret', 'HS512'),
    make({ iss, exp: null }),
  ])
    assert.equal(user(good), 'alice', good)
  const signed = issueJwt('alice', 'secret')
  for (const bad of [
    make({ iss }, 'other'),
    make({ iss: 'bob' }),
    make({ iss: 'carol' }),
    make({ iss: 'empty' }, ''),
    make({ iss: '__proto__' }),
    make({ iss: ['alice'] }),
    make({}),
    make({ iss, exp: now }),
    make({ iss, nbf: now + 1 }),
    make({ iss, iat: now + 60 }),
    make({ iss, exp: 'never' }),
    make({ iss }, 'secret', 'none'),
    make({ iss }, 'secret', 'HS1'),
    `${signed}x`,
    signed.slice(0, -2),
    signed.replace(/\.[^.]*$/, '.'),
    'a.b.c',
    '..',
    '',
  ])
    assert.equal(user(bad), undefined, bad)
  assert.equal(ask('Bearer a.b.c'), 'unauthorized: invalid token')
  const found = ask(`bEaReR ${signed}`)
  assert.ok(typeof found === 'object' && found.name === 'alice')
})

test('an API token is let in with its scope, also as a password, until it expires', () => {
  for (const header of [`Bearer ${text}`, basic(`anything:${text}`)]) {
    const found = ask(header)
    assert.ok(typeof found === 'object', header)
    assert.deepEqual([found.kind, found.name, found.scope], ['token', 'ci', 'pin'])
  }
  assert.equal(ask(`Bearer ${old}`), 'unauthorized: the token has expired')
  for (const wrong of [
    makeTokenText(systemRandom),
    `${text}x`,
    text.slice(0, -1),
    'pf_',
    `pf_${'x'.repeat(10_000)}`,
  ])
    assert.equal(ask(`Bearer ${wrong}`), 'unauthorized: invalid token')
  // A user keeps the password that looks like a token.
  const config = { basicAuth: { eve: 'pf_password' } }
  assert.ok(typeof ask(basic('eve:pf_password'), config) === 'object')
})

test('without users a password means nothing, as in the reference, but a wrong token is wrong', () => {
  const open = { basicAuth: undefined, anonymousScope: 'admin' } as const
  assert.ok(typeof ask(basic('alice:secret'), open) === 'object')
  assert.ok(typeof ask('Bearer a.b.c', open) === 'object')
  assert.equal(ask(`Bearer ${makeTokenText(systemRandom)}`, open), 'unauthorized: invalid token')
})

test('callers without credentials have the scope that is configured, wrong ones have none', () => {
  const readers = { anonymousScope: 'read' } as const
  assert.deepEqual(ask(undefined, readers), { kind: 'anonymous', name: '', scope: 'read', quota: undefined })
  assert.equal(ask(basic('alice:wrong'), readers), 'unauthorized: access denied')
  assert.equal(ask('Bearer a.b.c', readers), 'unauthorized: invalid token')
})

test('no header lets anybody in by chance, and none makes the gate throw', () => {
  const odd = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string().map(credentials => basic(credentials)),
    fc.tuple(fc.string(), fc.string()).map(([user, password]) => basic(`${user}:${password}`)),
    fc.string().map(token => `Bearer ${token}`),
    fc.base64String().map(token => `Bearer pf_${token}`),
    fc
      .array(fc.json(), { maxLength: 4 })
      .map(segments => `Bearer ${segments.map(part => Buffer.from(part).toString('base64url')).join('.')}`),
  )
  fc.assert(
    fc.property(odd, header => {
      const found = ask(header)
      return typeof found === 'string' && found.startsWith('unauthorized: ')
    }),
    { numRuns: 500 },
  )
})
