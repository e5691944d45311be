import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'
import { test } from 'node:test'
import { until } from '../../test/support/rest-server.ts'
import type { Network, StreamHandler } from '../interfaces.ts'
import { carry, HTTP_PROTOCOL, peerOfConnection, serveOverPeers } from './over-peers.ts'
import { readText } from './read-lines.ts'

const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'

/** Answers every request with what it was sent, after who sent it. */
function echoServer() {
  const server = http.createServer((request, response) => {
    response.write(`${peerOfConnection(request.socket)} ${request.socket.remoteAddress} `)
    request.pipe(response)
  })
  let handler: StreamHandler | undefined
  const network: Pick<Network, 'serve'> = {
    serve(protocol, given) {
      assert.equal(protocol, HTTP_PROTOCOL)
      handler = given
      return { [Symbol.dispose]: () => undefined }
    },
  }
  const open: Duplex[] = []
  serveOverPeers(network, {
    accept(connection) {
      open.push(connection)
      server.emit('connection', connection)
    },
  })
  assert.ok(handler !== undefined)
  return { handler, open }
}

/** A connection of a client to such a handler. */
function connect(handler: StreamHandler, signal: AbortSignal): Duplex {
  const [near, far] = duplexPair()
  far.on('error', () => undefined)
  const incoming = handler(far.iterator({ destroyOnReturn: false }), PEER, { signal })
  const run = async () => {
    for await (const piece of incoming) if (!far.write(piece)) await once(far, 'drain')
    far.end()
  }
  run().catch((thrown: unknown) => far.destroy(thrown instanceof Error ? thrown : undefined))
  return Object.assign(near, { setTimeout: () => near })
}

test('requests and answers of any size pass, and the server knows whose they are', async () => {
  const { handler, open } = echoServer()
  const { signal } = new AbortController()
  for (const size of [0, 1, 3_000_000]) {
    const body = 'x'.repeat(size)
    const createConnection = () => connect(handler, signal)
    const request = http.request({ method: 'POST', createConnection })
    request.end(body)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    assert.equal(await readText(response, 4_000_000), `${PEER} ${PEER} ${body}`)
  }
  await until('every connection is over', () => open.length === 3 && open.every(({ closed }) => closed))
})

test('a stream that is cut closes the connection, so that nothing waits for it', async () => {
  const { handler, open } = echoServer()
  const stopping = new AbortController()
  const request = http.request({ method: 'POST', createConnection: () => connect(handler, stopping.signal) })
  request.on('error', () => undefined)
  request.write('begun')
  await until('it is connected', () => open.length === 1)
  stopping.abort(new Error('cut'))
  await until('both ends are closed', () => open.every(({ closed }) => closed) && request.destroyed)
})

test('a client that leaves closes the connection', async () => {
  const { handler, open } = echoServer()
  const { signal } = new AbortController()
  const connection = connect(handler, signal)
  connection.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
  await until('it is connected', () => open.length === 1)
  connection.destroy()
  await until('the server has let go', () => open.every(({ closed }) => closed))
})

test('what comes out goes in pieces that fit into messages', async () => {
  const [near, far] = duplexPair()
  async function* nothing() {}
  near.end(new Uint8Array(1_000_000))
  let bytes = 0
  for await (const piece of carry(nothing(), far, { signal: AbortSignal.timeout(10_000) })) {
    assert.ok(piece.length <= 256 * 1024)
    bytes += piece.length
  }
  assert.equal(bytes, 1_000_000)
})
