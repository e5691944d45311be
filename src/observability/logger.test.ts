import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterError } from '../errors.ts'
import { parseCid } from '../model/cid.ts'
import { parseLogLevels } from './log-levels.ts'
import { openLogger } from './logger.ts'

const CID_TEXT = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

async function capture(spec: string, format: 'json' | 'pretty' = 'json') {
  const lines: string[] = []
  const { logger } = await openLogger(
    { levels: parseLogLevels([spec]), format },
    { write: line => void lines.push(line) },
  )
  return { logger, lines, last: (): unknown => JSON.parse(lines.at(-1) ?? 'null') }
}

function field(line: unknown, ...path: readonly string[]): unknown {
  let value = line
  for (const key of path) {
    assert.ok(typeof value === 'object' && value !== null, `${path.join('.')} is there`)
    value = Object.entries(value).find(([name]) => name === key)?.[1]
  }
  return value
}

test('a component logs at its own level and names itself', async () => {
  const { logger, lines, last } = await capture('warn,consensus:debug')
  logger.child('cluster').info('not shown')
  assert.equal(lines.length, 0)
  logger.child('consensus').debug('shown', { count: 3 })
  assert.equal(field(last(), 'component'), 'consensus')
  assert.equal(field(last(), 'level'), 'debug')
  assert.equal(field(last(), 'msg'), 'shown')
  assert.equal(field(last(), 'count'), 3)
  assert.match(String(field(last(), 'time')), /^\d{4}-\d\d-\d\dT/)
})

test('an error is logged with its code, its details and every cause', async () => {
  const { logger, last } = await capture('info')
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  const error = new ClusterError('IPFS_UNAVAILABLE', 'no answer', { cause, details: { peer: 'p1' } })
  logger.error('it failed', { error })
  assert.equal(field(last(), 'error', 'code'), 'IPFS_UNAVAILABLE')
  assert.equal(field(last(), 'error', 'details', 'peer'), 'p1')
  assert.equal(field(last(), 'error', 'stack'), undefined)
  assert.equal(field(last(), 'error', 'cause', 'code'), 'ECONNREFUSED')
  assert.match(String(field(last(), 'error', 'cause', 'stack')), /refused/)
})

test('values under the name of a secret are hidden at every depth', async () => {
  const { logger, lines } = await capture('info')
  const cluster = {
    secret: 's3cret',
    nested: [{ private_key: 's3cret', basic_auth_credentials: { u: 's3cret' } }],
  }
  logger.info('configuration', {
    cluster,
    Authorization: 'Basic s3cret',
    apiToken: 1,
    cluster_secret: 's3cret',
  })
  assert.ok(!lines.join('').includes('s3cret'))
  assert.ok(lines.join('').includes('[hidden]'))
})

test('names of content are text, bytes are counted, circles and big numbers do no harm', async () => {
  const { logger, last } = await capture('info')
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  logger.info('values', { cid: parseCid(CID_TEXT), bytes: new Uint8Array(7), circle, big: 1n })
  assert.equal(field(last(), 'cid'), CID_TEXT)
  assert.equal(field(last(), 'bytes'), '[7 bytes]')
  assert.equal(field(last(), 'big'), '1')
})

test('the form for people is one line with component, message and fields', async () => {
  const { logger, lines } = await capture('info', 'pretty')
  logger.child('cluster').warn('peer is gone', { peer: 'p1' })
  assert.match(lines.join(''), /WARN.*cluster: peer is gone.*"peer":"p1"/)
  assert.equal(lines.join('').trim().split('\n').length, 1)
})
