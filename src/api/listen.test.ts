import assert from 'node:assert/strict'
import http, { type RequestListener } from 'node:http'
import type net from 'node:net'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { sendRaw } from '../../test/support/raw-http.ts'
import { until } from '../../test/support/rest-server.ts'
import { listeningLogger, silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { parseApiAddress } from './address.ts'
import { ConnectionBudget, connectionsMax, limitConnections } from './connection-budget.ts'
import { PIPELINED_MAX } from './in-turn.ts'
import { type ListenConfig, listenOnAll } from './listen.ts'
import { formatError } from './replies.ts'

const ONE = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

async function serve(
  onRequest: RequestListener,
  settings: Partial<ListenConfig> = {},
  clock: Clock = systemClock,
) {
  const config = {
    listen: [parseApiAddress('/ip4/127.0.0.1/tcp/0')],
    tls: undefined,
    readTimeoutMs: 0,
    readHeaderTimeoutMs: 5000,
    idleTimeoutMs: 120_000,
    maxHeaderBytes: 4096,
    ...settings,
  }
  const parts = { clock, logger: silentLogger(), formatWireError: formatError }
  const listeners = await listenOnAll(parts, config, 'the setting', onRequest)
  return { ...listeners, port: Number(listeners.addresses[0]?.split('/').at(-1)) }
}

test('requests that are sent ahead of their answers are handled one at a time, in order', async () => {
  const responses: http.ServerResponse[] = []
  await using server = await serve((_, response) => void responses.push(response))
  using connection = await sendRaw(server.port, ONE.repeat(5))
  for (let at = 0; at < 5; at += 1) {
    await until(`request ${at}`, () => responses.length === at + 1)
    responses[at]?.end(`answer ${at};`)
  }
  await until('all answers', () => connection.statuses().length === 5)
  assert.deepEqual(
    connection.text().match(/answer \d/g),
    [0, 1, 2, 3, 4].map(at => `answer ${at}`),
  )
})

test('a client that sends too many requests ahead is told so behind the answers that it waits for', async () => {
  let handled = 0
  await using server = await serve((_, response) => {
    handled += 1
    response.end()
  })
  using connection = await sendRaw(server.port, ONE.repeat(2000))
  await until('the end', connection.isClosed)
  assert.equal(handled, PIPELINED_MAX + 1)
  assert.equal(connection.statuses().length, handled + 1)
  assert.match(connection.text(), /429[^]*"reason":"RATE_LIMITED"/)
})

test('an answer that the client does not take is given up after the idle time-out', async () => {
  let socket: net.Socket | undefined
  const onRequest: RequestListener = (request, response) => {
    socket = request.socket
    response.end(Buffer.alloc(20_000_000))
  }
  await using server = await serve(onRequest, { idleTimeoutMs: 300 })
  using connection = await sendRaw(server.port, '')
  connection.socket.pause()
  connection.socket.write(ONE)
  await until('the answer', () => socket !== undefined)
  await until('its end', () => socket?.destroyed === true)
})

test('as long as an answer is being made, a quiet connection stays', async () => {
  let response: http.ServerResponse | undefined
  await using server = await serve((_, made) => void (response = made), { idleTimeoutMs: 100 })
  using connection = await sendRaw(server.port, ONE)
  await systemClock.sleep(400, AbortSignal.timeout(5000))
  response?.end('late')
  await until('the answer', () => connection.text().includes('late'))
  await until('the end of the idle connection', connection.isClosed)
})

for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
  test(`a body that nobody wants does not hold its connection (${framing})`, async () => {
    const clock = virtualClock()
    await using server = await serve((_, response) => response.end('done'), {}, clock)
    using connection = await sendRaw(server.port, `POST / HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`)
    await until('the answer', () => connection.text().includes('done'))
    connection.socket.write('1')
    await clock.advance(1000)
    assert.equal(connection.isClosed(), false)
    await clock.advance(1500)
    await until('the end', connection.isClosed)
  })
}

test('a connection stays good behind a body that nobody wanted and that came whole', async () => {
  await using server = await serve((_, response) => response.end('done'))
  const post = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello'
  using connection = await sendRaw(server.port, post + post)
  await until('both answers', () => connection.statuses().length === 2)
  assert.equal(connection.isClosed(), false)
})

const WRONG = {
  'no request': ['\u0016\u0003\u0001\u0000', 400, 'INVALID_ARGUMENT'],
  'an unknown version': ['GET / HTTP/9.9\r\n\r\n', 400, 'INVALID_ARGUMENT'],
  'no Host': ['GET / HTTP/1.1\r\n\r\n', 400, 'INVALID_ARGUMENT'],
  'two Hosts': ['GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n', 400, 'INVALID_ARGUMENT'],
  'two lengths': [
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\naa',
    400,
    'INVALID_ARGUMENT',
  ],
  'a length and chunks': [
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'INVALID_ARGUMENT',
  ],
  'a negative length': ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', 400, 'INVALID_ARGUMENT'],
  'a bare line feed': ['GET / HTTP/1.1\nHost: x\n\n', 400, 'INVALID_ARGUMENT'],
  'a folded header': ['GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400, 'INVALID_ARGUMENT'],
  'a long address': [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431, 'TOO_LARGE'],
  'many headers': [`GET / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(3000)}\r\n`, 431, 'TOO_LARGE'],
  'an odd expectation': ['GET / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n', 417, 'INVALID_ARGUMENT'],
} as const

for (const [what, [bytes, status, reason]] of Object.entries(WRONG)) {
  test(`${what} is answered with the document of an error, and never handled`, async () => {
    let handled = 0
    await using server = await serve((request, response) => {
      handled += 1
      request.resume().on('end', () => response.end())
    })
    using connection = await sendRaw(server.port, bytes)
    await until('the end', connection.isClosed)
    assert.deepEqual(connection.statuses(), [status])
    const document = JSON.parse(connection.text().split('\r\n\r\n')[1] ?? '')
    assert.deepEqual([document.code, document.reason], [status, reason])
    assert.equal(handled, 0)
  })
}

test('a malformed question for a head alone gets no body', async () => {
  await using server = await serve(() => assert.fail('a request was handled'))
  using connection = await sendRaw(server.port, 'HEAD /\\ \u0001 HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('the end', connection.isClosed)
  assert.match(connection.text(), /^HTTP\/1\.1 400 [^]*\r\n\r\n$/)
})

test('a head that does not come in time is a 408; so it is where the whole request has less time than its head', async () => {
  await using server = await serve(() => assert.fail('a request was handled'), {
    readHeaderTimeoutMs: 5000,
    readTimeoutMs: 500,
  })
  using connection = await sendRaw(server.port, 'GET / HTTP/1.1\r\nHost: x\r\n')
  await until('the end', connection.isClosed)
  assert.match(connection.text(), /^HTTP\/1\.1 408 [^]*"code":408,[^]*"reason":"TIMEOUT"/)
})

test('a connection that came another way ends when nothing is asked on it, and not while it is answered', async () => {
  const clock = virtualClock()
  let response: http.ServerResponse | undefined
  const onRequest: RequestListener = (_, made) => void (response = made)
  await using server = await serve(onRequest, { idleTimeoutMs: 10_000 }, clock)
  const [silent, silentFar] = duplexPair()
  const [asking, far] = duplexPair()
  server.accept(silent)
  server.accept(asking)
  silentFar.write('GET / HTTP/1.1\r\nHo')
  far.write(ONE)
  far.resume()
  await until('the request', () => response !== undefined)
  await clock.advance(6000)
  assert.equal(silent.destroyed, true)
  await clock.advance(60_000)
  assert.equal(asking.destroyed, false)
  response?.end()
  await until('the answer', () => response?.writableFinished === true)
  await clock.advance(25_000)
  assert.equal(asking.destroyed, true)
})

test('how many connections there may be follows from how many files may be opened', () => {
  const limits = (text: string) =>
    `Limit   Soft Limit   Hard Limit\nMax open files            ${text}     files\n`
  assert.equal(connectionsMax(limits('1024    4096')), 512)
  assert.equal(connectionsMax(limits('20000   20000')), 15_904)
  assert.equal(connectionsMax(limits('1048576 1048576')), 16_384)
  assert.equal(connectionsMax(limits('unlimited unlimited')), 16_384)
  assert.equal(connectionsMax(''), 4096)
})

test('too many connections to two servers: idle ones make room, busy ones stay', async () => {
  const budget = new ConnectionBudget(3)
  const logger = listeningLogger()
  const waiting: http.ServerResponse[] = []
  await using stack = new AsyncDisposableStack()
  const ports: number[] = []
  for (const name of ['first', 'second']) {
    const server = http.createServer((request, response) =>
      request.url === '/wait' ? void waiting.push(response) : response.end(name),
    )
    limitConnections(server, { clock: systemClock, logger }, budget)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    stack.defer(() => {
      server.closeAllConnections()
      server.close()
    })
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    ports.push(address.port)
  }
  const [first = 0, second = 0] = ports
  using busy = await sendRaw(first, 'GET /wait HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('a busy connection', () => waiting.length === 1)
  const idle = await Promise.all([sendRaw(first, ONE), sendRaw(second, ONE)])
  for (const connection of idle) stack.use(connection)
  await until('idle connections', () => idle.every(one => one.statuses().length === 1))
  using refused = await sendRaw(second, ONE)
  await until('the end of what is too much', refused.isClosed)
  assert.deepEqual(refused.statuses(), [])
  await until('room', () => idle.every(one => one.isClosed()))
  using welcome = await sendRaw(second, ONE)
  await until('an answer', () => welcome.text().endsWith('second'))
  assert.equal(busy.isClosed(), false)
  assert.match(JSON.stringify(logger.lines), /too many connections/)
})
