import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { eventually } from '../../../test/support/eventually.ts'
import { answerTo, readAnswer, serveFakeKubo, serveProxy } from '../../../test/support/proxy-server.ts'

/** What comes back on a connection of its own until the other side closes it. */
async function talk(port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')))
  socket.write(text)
  let said = ''
  for await (const chunk of socket) said += String(chunk)
  return said
}

test('what is not the cluster’s goes to the node as it is, without what concerns one connection', async () => {
  let seen: { readonly headers: NodeJS.Dict<string | string[]>; readonly url: string | undefined } | undefined
  await using kubo = await serveFakeKubo((request, response) => {
    seen = { headers: request.headers, url: request.url }
    response.writeHead(200, {
      'x-answer': 'a',
      'keep-alive': 'timeout=9',
      connection: 'x-secret',
      'x-secret': '1',
    })
    response.end('ok')
  })
  await using proxy = await serveProxy({ kuboPort: kubo.port })
  const answer = await proxy.ask('/api/v0/dag/get?arg=a;b&x=%2F', {
    headers: {
      host: 'my.host',
      connection: 'close, x-hop',
      'x-hop': '1',
      te: 'trailers',
      'x-kept': ['a', 'b'],
    },
  })
  assert.equal(answer.body, 'ok')
  assert.equal(answer.headers['x-answer'], 'a')
  assert.equal(answer.headers['x-secret'], undefined)
  assert.equal(seen?.url, '/api/v0/dag/get?arg=a;b&x=%2F')
  const { headers } = seen
  assert.equal(headers['host'], 'my.host')
  assert.equal(headers['x-kept'], 'a, b')
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  for (const name of ['x-hop', 'te']) assert.equal(headers[name], undefined, name)
})

test('bodies pass both ways while they come, with trailers', async () => {
  await using kubo = await serveFakeKubo((request, response) => {
    response.writeHead(200, { trailer: 'X-Stream-Error' })
    request.on('data', (chunk: Buffer) => response.write(chunk.toString().toUpperCase()))
    request.on('end', () => {
      response.addTrailers({ 'X-Stream-Error': 'at the end' })
      response.end()
    })
  })
  await using proxy = await serveProxy({ kuboPort: kubo.port })
  const sent = proxy.begin('/api/v0/log/tail', { headers: { 'transfer-encoding': 'chunked' } })
  sent.write('one')
  const answer = await answerTo(sent)
  const [first] = await new Promise<[Buffer]>(resolve => answer.once('data', chunk => resolve([chunk])))
  assert.equal(String(first), 'ONE')
  answer.pause()
  sent.end('two')
  const { body, trailers } = await readAnswer(answer)
  assert.equal(body, 'TWO')
  assert.deepEqual(trailers, [['X-Stream-Error', 'at the end']])
})

test('a client that leaves ends the work of the node, in an answer and in an upload', async () => {
  let closed = 0
  await using kubo = await serveFakeKubo((request, response) => {
    response.on('close', () => closed++)
    request.on('error', () => undefined).resume()
    if (request.headers['content-length'] === undefined) response.write('begun')
  })
  await using proxy = await serveProxy({ kuboPort: kubo.port })
  const reading = proxy.begin('/api/v0/log/tail', { method: 'GET' })
  reading.end()
  await answerTo(reading)
  reading.destroy()
  await eventually('the node sees that the reader is gone', () => closed === 1)
  const sending = proxy.begin('/api/v0/dag/import', { headers: { 'content-length': 1_000_000 } })
  sending.on('error', () => undefined).write('a little')
  await eventually('the upload has begun', () => kubo.asked.includes('POST /api/v0/dag/import'))
  sending.destroy()
  await eventually('the node sees that the sender is gone', () => closed === 2)
})

test('an answer that breaks off is cut, a node that is gone is a 502', async () => {
  await using kubo = await serveFakeKubo((_request, response) => {
    response.write('half')
    setImmediate(() => response.destroy())
  })
  await using proxy = await serveProxy({ kuboPort: kubo.port })
  await assert.rejects(proxy.ask('/api/v0/cat?arg=x'), /aborted|socket hang up|ECONNRESET/)
  await kubo[Symbol.asyncDispose]()
  const answer = await proxy.ask('/api/v0/cat?arg=x')
  assert.deepEqual([answer.status, answer.body], [502, ''])
})

test('an upload that the node refuses early gets its answer, and one that stands still is given up on', async () => {
  await using kubo = await serveFakeKubo((_request, response) => response.writeHead(403).end('no'))
  await using proxy = await serveProxy({ kuboPort: kubo.port, section: { idle_timeout: '300ms' } })
  const refused = proxy.begin('/api/v0/dag/import', { headers: { 'content-length': 50_000_000 } })
  refused.on('error', () => undefined).write(Buffer.alloc(100_000))
  const answer = await answerTo(refused)
  assert.equal(answer.statusCode, 403)
  refused.destroy()
  await using silent = await serveFakeKubo(request => void request.on('error', () => undefined).resume())
  await using other = await serveProxy({ kuboPort: silent.port, section: { idle_timeout: '300ms' } })
  const stalled = await other.ask('/api/v0/dag/import', { headers: { 'content-length': 10 }, body: 'abc' })
  assert.equal(stalled.status, 500)
  assert.match(stalled.body, /stood still/)
})

test('nothing but the configured node is ever asked', async () => {
  await using kubo = await serveFakeKubo((request, response) => void response.end(request.url))
  await using elsewhere = await serveFakeKubo((_request, response) => void response.end('elsewhere'))
  await using proxy = await serveProxy({ kuboPort: kubo.port })
  const there = `http://127.0.0.1:${elsewhere.port}/api/v0/id`
  const close = 'Host: x\r\nConnection: close\r\n\r\n'
  assert.match(
    await talk(proxy.port, `POST ${there} HTTP/1.1\r\n${close}`),
    /^HTTP\/1.1 500 .*only paths are served/s,
  )
  assert.doesNotMatch(
    await talk(proxy.port, `CONNECT 127.0.0.1:${elsewhere.port} HTTP/1.1\r\n${close}`),
    /200/,
  )
  const slashes = await talk(proxy.port, `GET //127.0.0.1:${elsewhere.port}/x HTTP/1.1\r\n${close}`)
  assert.match(slashes, /^HTTP\/1.1 301 .*\r\nlocation: \/127\.0\.0\.1/is)
  assert.match(
    await talk(proxy.port, `GET /a/%2e%2e/%2e%2e/etc HTTP/1.1\r\n${close}`),
    /^HTTP\/1.1 301 .*\r\nlocation: \/etc\r/is,
  )
  assert.match(await talk(proxy.port, `GET /%zz HTTP/1.1\r\n${close}`), /^HTTP\/1.1 500 /)
  assert.match(await talk(proxy.port, 'POST /api/v0/id HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 200 .*\/api\/v0\/id$/s)
  assert.deepEqual(elsewhere.asked, [])
})
