import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sendRaw } from '../../test/support/raw-http.ts'
import { openRestServer, until } from '../../test/support/rest-server.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import type { Cluster } from '../interfaces.ts'
import type { BulkResult } from '../model/bulk.ts'
import { parseCid } from '../model/cid.ts'
import { toPin } from '../model/pin.ts'
import { redirectOf, refuseMethod, toRoutedUrl } from './paths.ts'

const CID = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'

test('the target may name the host, as clients of proxies write it', async () => {
  await using server = await openRestServer({ version: '7' })
  using connection = await sendRaw(
    server.port,
    'GET http://x:1/version HTTP/1.1\r\nHost: x\r\n\r\nGET HTTP://x//version?a HTTP/1.1\r\nHost: x\r\n\r\n',
  )
  await until('both answers', () => connection.statuses().length === 2)
  assert.deepEqual(connection.statuses(), [200, 301])
  assert.match(connection.text(), /"version":"7"[^]*location: \/version\?a\r/i)
  assert.equal(toRoutedUrl('http://x'), '/')
  assert.equal(toRoutedUrl('*'), '*')
})

test('no slash of any kind leads a redirect to another host', () => {
  for (const url of ['/\\evil.example/', '\\\\evil.example/', '//\\evil.example//', '/\\/evil.example/./'])
    assert.match(redirectOf(url)?.location ?? '', /^\/[^/\\]/, url)
})

test('what the framework thinks of methods and types does not show', async () => {
  await using server = await openRestServer({ version: '7' })
  const type = (text: string) =>
    `POST /nosuch HTTP/1.1\r\nHost: x\r\nContent-Type: ${text}\r\nContent-Length: 2\r\n\r\n{}`
  using connection = await sendRaw(
    server.port,
    `QUERY /version HTTP/1.1\r\nHost: x\r\n\r\n${type('\u00ff/x')}${type('x')}${type('a/b/c')}`,
  )
  await until('the answers', () => connection.statuses().length === 4)
  assert.deepEqual(connection.statuses(), [405, 404, 404, 404])
  assert.doesNotMatch(connection.text(), /fastify/i)
  assert.equal(refuseMethod('QUERY', '/version'), 'GET')
  assert.match(connection.text(), /^HTTP\/1\.1 405 [^]*?\r\nallow: GET\r\n/i)
})

test('a document that does not come whole in time is a 504, and its connection ends', async () => {
  const clock = virtualClock()
  await using server = await openRestServer({}, { idle_timeout: '10s' }, clock)
  using connection = await sendRaw(
    server.port,
    'POST /peers HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{',
  )
  for (let second = 0; second < 11; second += 1) {
    connection.socket.write(' ')
    await new Promise(resolve => setImmediate(resolve))
    await clock.advance(1000)
  }
  await until('the answer', () => connection.statuses().length === 1)
  assert.deepEqual(connection.statuses(), [504])
  assert.match(connection.text(), /"reason":"TIMEOUT"/)
  await clock.advance(3000)
  await until('the end', connection.isClosed)
})

test('what a client changed that has left has its audit line', async () => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const pin: Cluster['pin'] = async wanted => {
    asked.resolve()
    await answer.promise
    return toPin(wanted, {})
  }
  await using server = await openRestServer({ pin })
  using connection = await sendRaw(server.port, `POST /pins/${CID} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await asked.promise
  connection.socket.destroy()
  await until('its end', connection.isClosed)
  answer.resolve()
  await until('the line', () => server.audit.length === 1)
  assert.deepEqual([server.audit[0]?.fields['hash'], server.audit[0]?.fields['result']], [CID, 'cut'])
})

test('the audit line of a bulk request says how many pins were changed, also with terse answers and when the client leaves', async () => {
  let isLeft = false
  const cid = parseCid(CID)
  const outcomes = ['pinned', 'unchanged', 'pinned', new Error('no room')] as const
  const members: Partial<Cluster> = {
    async *pinMany() {
      yield outcomes.map((outcome, at): BulkResult => ({ line: at + 1, cid, outcome }) as BulkResult)
      if (isLeft) await new Promise(resolve => setTimeout(resolve, 200))
    },
  }
  await using server = await openRestServer(members)
  const post = (query: string) =>
    `POST /pins${query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1\r\n\r\n\n`
  using terse = await sendRaw(server.port, post('?answers=failed'))
  await until('a line', () => server.audit.length === 1)
  isLeft = true
  using leaving = await sendRaw(server.port, post(''))
  await until('an answer', () => leaving.text().includes('pinned'))
  leaving.socket.destroy()
  await until('another line', () => server.audit.length === 2)
  for (const { fields } of server.audit) {
    const { lines, changed, unchanged, refused } = fields
    assert.deepEqual(
      { lines, changed, unchanged, refused },
      { lines: 4, changed: 2, unchanged: 1, refused: 1 },
    )
  }
  assert.equal(terse.statuses()[0], 200)
})
