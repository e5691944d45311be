import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { collect, openRestServer, type RestServer, until } from '../../test/support/rest-server.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { ClusterError } from '../errors.ts'
import { parseCid } from '../model/cid.ts'
import { toPin } from '../model/pin.ts'

const CID = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
const pin = toPin(parseCid(CID), { name: 'x'.repeat(1000) })
const signal = AbortSignal.timeout(60_000)

/** Sends bytes and gives back everything until the server closes the connection. */
async function raw(server: RestServer, bytes: string): Promise<string> {
  const socket = net.connect(server.port, '127.0.0.1')
  socket.end(bytes)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers.map(line => `${line}\r\n`).join('')}\r\n`
const post = (path: string, body: string, ...headers: string[]) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers.map(line => `${line}\r\n`).join('')}Content-Length: ${body.length}\r\n\r\n${body}`

test('a pin is answered with its length, without chunks', async () => {
  await using server = await openRestServer({ pin: async () => pin })
  const text = await raw(server, post(`/pins/${CID}`, ''))
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(text, /\r\ncontent-length: \d+\r\n/i)
  assert.match(text, /\r\ncontent-type: application\/json\r\n/i)
  assert.doesNotMatch(text, /transfer-encoding/i)
})

test('a stream ends with one empty X-Stream-Error, a failed one with the message behind it', async () => {
  let isFailing = false
  await using server = await openRestServer({
    async *allocations() {
      yield pin
      if (isFailing) throw new ClusterError('STORE_FAILED', 'the disk\r\nis gone ✗')
    },
  })
  assert.match(await raw(server, get('/allocations')), /\r\n0\r\nX-Stream-Error: \r\n\r\n$/)
  isFailing = true
  const cut = /\r\n0\r\nX-Stream-Error: \r\nX-Stream-Error: the disk is gone [^\r]+\r\n\r\n$/
  assert.match(await raw(server, get('/allocations')), cut)
})

test('a stream that fails before its first document is an ordinary error', async () => {
  await using server = await openRestServer({
    allocations() {
      throw new ClusterError('STORE_FAILED', 'the disk is gone')
    },
  })
  const text = await raw(server, get('/allocations'))
  assert.match(text, /^HTTP\/1\.1 500 /)
  assert.ok(text.endsWith('{"code":500,"message":"the disk is gone","reason":"STORE_FAILED"}\n'))
})

test('a bug is told without its stack, which is logged', async () => {
  await using server = await openRestServer({
    allocation: () => {
      throw new TypeError('undefined is not a function')
    },
  })
  const text = await raw(server, get(`/allocations/${CID}`))
  assert.match(text, /^HTTP\/1\.1 500 /)
  assert.doesNotMatch(text, /at .*\.ts/)
  assert.equal(
    server.logger.lines.filter(({ level, fields }) => level === 'error' && 'stack' in fields).length,
    1,
  )
})

test('malformed requests are refused and the server goes on', async () => {
  await using server = await openRestServer({})
  const status = async (bytes: string) => Number((await raw(server, bytes)).slice(9, 12))
  assert.equal(await status(get(`/allocations/${'x'.repeat(3000)}`)), 400)
  assert.equal(await status(get('/pins/%zz')), 400)
  assert.equal(await status(get('/pins/%00')), 400)
  assert.equal(await status(post('/peers', '{"peer_id":')), 400)
  assert.equal(await status(post('/peers', '[]')), 400)
  assert.equal(await status(post('/peers', 'null')), 400)
  assert.equal(await status(post('/peers', '{"peer_id":5}')), 400)
  assert.equal(await status(post('/peers', `{"peer_id":"${'x'.repeat(100_000)}"}`)), 413)
  assert.equal(await status('DELETE /peers/foo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), 400)
  assert.equal(await status(get('/version', `X-Big: ${'a'.repeat(9000)}`)), 431)
  assert.equal(await status('nonsense\r\n\r\n'), 400)
  assert.equal(await status('GET /version HTTP/1.1\r\n\r\n'), 400)
  assert.equal(await status(get('/version')), 200)
})

test('a body that no route asks for does no harm, whatever its type', async () => {
  await using server = await openRestServer({ pin: async () => pin })
  for (const type of [
    'application/json',
    'foo',
    'text/plain; charset=x',
    'multipart/form-data; boundary=x',
  ]) {
    assert.match(
      await raw(server, post(`/pins/${CID}`, '{not json', `Content-Type: ${type}`)),
      /^HTTP\/1\.1 200 /,
      type,
    )
  }
})

test('the head of a request may be large when it is configured', async () => {
  await using server = await openRestServer({}, { max_header_bytes: 16_384 })
  assert.match(await raw(server, get('/version', `X-Big: ${'a'.repeat(9000)}`)), /^HTTP\/1\.1 200 /)
  assert.match(await raw(server, get('/version', `X-Big: ${'a'.repeat(33_000)}`)), /^HTTP\/1\.1 431 /)
})

test('when the client leaves, what the cluster does for it is stopped', async () => {
  let isReturned = false
  let isAborted = false
  await using server = await openRestServer({
    async *allocations(_range, options) {
      options.signal.addEventListener('abort', () => {
        isAborted = true
      })
      try {
        for (;;) {
          yield pin
          await new Promise(resolve => setImmediate(resolve))
        }
      } finally {
        isReturned = true
      }
    },
  })
  const request = http.get({ port: server.port, path: '/allocations' })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  await once(response, 'data')
  request.destroy()
  await until('the signal is aborted', () => isAborted)
  await until('the iterator is returned', () => isReturned)
})

test('a client that leaves before the answer stops the call', async () => {
  const asked = Promise.withResolvers<AbortSignal>()
  await using server = await openRestServer({
    id: options =>
      new Promise((_resolve, reject) => {
        asked.resolve(options.signal)
        options.signal.addEventListener('abort', () => reject(options.signal.reason))
      }),
  })
  const request = http.get({ port: server.port, path: '/id' })
  request.on('error', () => undefined)
  const own = await asked.promise
  request.destroy()
  await until('the signal is aborted', () => own.aborted)
  assert.deepEqual(server.logger.lines, [], 'nobody is told of it')
})

test('a slow reader holds the cluster back', async () => {
  let taken = 0
  await using server = await openRestServer({
    async *allocations() {
      for (;;) {
        taken++
        yield pin
      }
    },
  })
  const request = http.get({ port: server.port, path: '/allocations' })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.pause()
  let before = -1
  await until('no more is taken', () => {
    const isStill = taken === before
    before = taken
    return isStill
  })
  assert.ok(taken < 50_000, `${taken} pins of 1.4 kB were taken for a reader that does not read`)
  request.destroy()
})

test('a reader that stands still is cut off after the idle time-out', { timeout: 20_000 }, async () => {
  const clock = virtualClock()
  const iterator = { isReturned: false }
  await using server = await openRestServer(
    {
      async *allocations() {
        try {
          for (;;) yield pin
        } finally {
          iterator.isReturned = true
        }
      },
    },
    {},
    clock,
  )
  const request = http.get({ port: server.port, path: '/allocations' })
  request.on('error', () => undefined)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.on('error', () => undefined)
  response.pause()
  while (!iterator.isReturned) await clock.advance(60_000)
  const cut = once(response, 'error')
  response.resume()
  assert.match(String(await cut), /aborted/)
  request.destroy()
})

test('an answer that takes longer than the write time-out is cut', async () => {
  const members = { id: () => new Promise<never>(() => undefined) }
  await using server = await openRestServer(members, { write_timeout: '20ms' })
  assert.equal(await raw(server, get('/id')), '')
})

test('states of single CIDs: what succeeds is told, what fails is a trailer, nothing but failures is an error', async () => {
  const good = 'bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am'
  await using server = await openRestServer({
    status: async cid => {
      if (cid.toString() === CID) throw new ClusterError('TIMEOUT', 'too slow')
      return { cid, pin: undefined, createdMs: 0, peers: new Map() }
    },
  })
  const statuses = (cids: string) => collect(server.client().statuses({ query: { cids } }, { signal }))
  assert.equal((await statuses(`${good},${good}`)).length, 2)
  await assert.rejects(statuses(`${good},${CID}`), { message: 'too slow' })
  assert.match(await raw(server, get(`/pins?cids=${CID}`)), /^HTTP\/1\.1 504 /)
})

test('stopping tells requests under way, and closes their connections', async () => {
  const asked = Promise.withResolvers<void>()
  const server = await openRestServer({
    id: ({ signal: own }) =>
      new Promise((_resolve, reject) => {
        own.addEventListener('abort', () => reject(own.reason))
        asked.resolve()
      }),
  })
  const answer = assert.rejects(server.client().id({}, { signal }), {
    code: 'NOT_READY',
    message: 'this peer is stopping',
  })
  const idle = net.connect(server.port, '127.0.0.1')
  await once(idle, 'connect')
  await asked.promise
  const closed = once(idle, 'close')
  idle.resume()
  await server[Symbol.asyncDispose]()
  await answer
  await closed
})

test('a port in use is told with its address and what to do', async () => {
  await using server = await openRestServer({})
  await assert.rejects(
    openRestServer({}, { http_listen_multiaddress: server.address }),
    (thrown: unknown) => {
      assert.ok(thrown instanceof ClusterError)
      assert.equal(thrown.code, 'CONFLICT')
      assert.ok(thrown.message.includes(server.address))
      assert.ok(thrown.message.includes('api.restapi.http_listen_multiaddress'))
      return true
    },
  )
})

test('a path that cannot be decoded is refused like any other bad input', async () => {
  await using server = await openRestServer({})
  for (const path of ['/pins/%', '/%ff%fe']) {
    const text = await raw(server, get(path))
    assert.match(text, /^HTTP\/1\.1 400 /)
    const body: unknown = JSON.parse(text.slice(text.indexOf('\r\n\r\n')))
    assert.deepEqual(Object.keys(body ?? {}), ['code', 'message', 'reason'])
    assert.ok(JSON.stringify(body).includes(path), text)
  }
})
