import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { eventually } from '../../../test/support/eventually.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { virtualClock } from '../../../test/support/virtual-clock.ts'
import { systemRandom } from '../../lib/random.ts'
import { hashOfToken } from '../../model/token.ts'
import { openTokens } from './tokens.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokens-'))
})
after(() => rm(folder, { recursive: true }))

const clock = virtualClock(Date.parse('2030-01-01T00:00:00Z'))
const logger = silentLogger()
const open = (name: string) => openTokens({ clock, random: systemRandom, logger }, join(folder, name))

test('only hashes are stored, for the owner alone; a restart keeps tokens and what was used of them', async () => {
  let text: string | undefined
  {
    await using tokens = await open('kept.json')
    const made = await tokens.create({ name: 'ci', scope: 'pin', limits: { pins: 3, bytes: 10 } })
    text = made.text
    assert.match(text ?? '', /^pf_[A-Za-z0-9_-]{43}$/)
    assert.equal(made.details.hash, hashOfToken(text ?? ''))
    assert.equal((await stat(join(folder, 'kept.json'))).mode & 0o777, 0o600)
    const quota = tokens.find(text ?? '')?.quota
    quota?.takeRequest()
    quota?.takePin()
    quota?.takeBytes(4)
  }
  const file = await readFile(join(folder, 'kept.json'), 'utf8')
  assert.ok(!file.includes(text ?? '-') && !file.includes((text ?? '-').slice(3, 20)))
  await using again = await open('kept.json')
  const [token] = again.list()
  assert.deepEqual([token?.name, token?.scope, token?.created_at], ['ci', 'pin', '2030-01-01T00:00:00Z'])
  assert.deepEqual(token?.used, { pins: 1, bytes: 4, last_at: '2030-01-01T00:00:00Z' })
  const quota = again.find(text ?? '')?.quota
  assert.ok(quota !== undefined)
  quota.takePin()
  quota.takePin()
  assert.throws(() => quota.takePin(), { code: 'FORBIDDEN' })
  quota.returnPins(1)
  quota.takePin()
  assert.throws(() => quota.takeBytes(7), { code: 'FORBIDDEN' })
  quota.takeBytes(6)
})

test('what was used is written down now and then, without being asked', async () => {
  await using tokens = await open('saved.json')
  const { text } = await tokens.create({ name: 'ci', scope: 'pin' })
  tokens.find(text ?? '')?.quota.takePin()
  const pins = async () => JSON.parse(await readFile(join(folder, 'saved.json'), 'utf8')).tokens[0].used.pins
  assert.equal(await pins(), 0)
  await clock.advance(10_000)
  await eventually('it is written', async () => (await pins()) === 1, 5000)
})

test('a revoked token is gone at once and after a restart; its name can be given again', async () => {
  {
    await using tokens = await open('revoked.json')
    const { text } = await tokens.create({ name: 'ci', scope: 'admin' })
    await assert.rejects(tokens.create({ name: 'ci', scope: 'read' }), { code: 'CONFLICT' })
    assert.equal((await tokens.revoke('ci')).name, 'ci')
    assert.equal(tokens.find(text ?? ''), undefined)
    await assert.rejects(tokens.revoke('ci'), { code: 'NOT_FOUND' })
    await tokens.create({ name: 'ci', scope: 'read' })
  }
  await using again = await open('revoked.json')
  assert.deepEqual(
    again.list().map(({ scope }) => scope),
    ['read'],
  )
})

test('the token of another peer is taken by its hash', async () => {
  await using here = await open('here.json')
  await using there = await open('there.json')
  const { text, details } = await here.create({ name: 'ci', scope: 'pin' })
  const taken = await there.create({ name: 'ci', scope: 'pin', hash: details.hash })
  assert.equal(taken.text, undefined)
  assert.equal(there.find(text ?? '')?.token.name, 'ci')
  await assert.rejects(there.create({ name: 'other', scope: 'pin', hash: details.hash }), {
    code: 'CONFLICT',
  })
})

test('requests within a second are counted, and time gives new ones', async () => {
  await using tokens = await open('rate.json')
  const { text } = await tokens.create({ name: 'ci', scope: 'read', limits: { requests_per_second: 2 } })
  const quota = tokens.find(text ?? '')?.quota
  quota?.takeRequest()
  quota?.takeRequest()
  assert.throws(() => quota?.takeRequest(), { code: 'RATE_LIMITED' })
  await clock.advance(500)
  quota?.takeRequest()
  assert.throws(() => quota?.takeRequest(), { code: 'RATE_LIMITED' })
})

test('what describes no token is refused and makes none', async () => {
  await using tokens = await open('none.json')
  const good = { name: 'ci', scope: 'read' }
  const wrong: readonly unknown[] = [
    null,
    [],
    'ci',
    {},
    { ...good, name: '' },
    { ...good, name: 'a b' },
    { ...good, name: '../x' },
    { ...good, name: 'x'.repeat(65) },
    { ...good, name: 7 },
    { ...good, scope: 'root' },
    { ...good, scope: undefined },
    { ...good, expires_at: 'tomorrow' },
    { ...good, expires_at: 1 },
    { ...good, expires_at: '2029-12-31T23:59:59Z' },
    { ...good, hash: 'abc' },
    { ...good, hash: 'A'.repeat(64) },
    { ...good, limits: [] },
    { ...good, limits: { pins: -1 } },
    { ...good, limits: { bytes: 0.5 } },
    { ...good, limits: { requests_per_second: '5' } },
  ]
  for (const document of wrong)
    await assert.rejects(tokens.create(document), { code: 'INVALID_ARGUMENT' }, JSON.stringify(document))
  assert.deepEqual(tokens.list(), [])
})

test('a damaged file lets nobody in: the start is refused with its name', async () => {
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"version":2,"tokens":[]}',
    '{"version":1,"tokens":[{"name":"x"}]}',
  ]) {
    await writeFile(join(folder, 'damaged.json'), text)
    await assert.rejects(open('damaged.json'), (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, 'CONFIG_INVALID')
      assert.match(thrown.message, /damaged\.json cannot be read/)
      return true
    })
  }
})
