import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { eventually } from '../../test/support/eventually.ts'
import { openRestServer, until } from '../../test/support/rest-server.ts'
import { openClient } from './client.ts'

const options = { signal: AbortSignal.timeout(60_000) }
const file = (name: string) => new URL(`../../test/support/tls/${name}`, import.meta.url).pathname
const pem = (name: string) => readFile(file(name), 'utf8')
const SERVED = { ssl_cert_file: file('renewed.pem'), ssl_key_file: file('renewed-key.pem') }

/** Time that a short question takes over a connection of its own. */
async function askedMs(port: number): Promise<number> {
  const began = performance.now()
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  socket.write('GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.match(text, /^HTTP\/1\.1 200 /)
  return performance.now() - began
}

test('a client certificate that is not valid any more, or not yet, is no credential, and the log says why', async () => {
  const settings = {
    ...SERVED,
    ssl_client_ca_file: file('dates-authority.pem'),
    ssl_client_scope: 'read',
  } as const
  await using server = await openRestServer({ version: '1' }, settings)
  const base = { hosts: [`${server.address}/https`], timeoutMs: 10_000, isCertificateChecked: false }
  const ask = async (name: string) =>
    openClient({ ...base, certificate: await pem(name) }).version({}, options)
  const told = () =>
    server.logger.lines.filter(({ message }) => message === 'a client certificate is refused')
  assert.deepEqual(await ask('in-time.pem'), { version: '1' })
  await assert.rejects(openClient(base).version({}, options), { code: 'UNAUTHENTICATED' })
  assert.deepEqual(told(), [], 'a good one, and none, are not worth a line')
  await assert.rejects(ask('expired.pem'), { code: 'UNAUTHENTICATED' })
  await assert.rejects(ask('early.pem'), { code: 'UNAUTHENTICATED' })
  await assert.rejects(ask('stranger.pem'), { code: 'UNAUTHENTICATED' })
  const lines = told().map(({ level, fields }) => [level, fields['name'], fields['why']])
  assert.deepEqual(lines.slice(0, 2), [
    ['warn', 'expired', 'CERT_HAS_EXPIRED'],
    ['warn', 'early', 'CERT_NOT_YET_VALID'],
  ])
  assert.equal(lines.length, 3)
})

test('the log tells of some refused certificates and not of all', async () => {
  const settings = { ...SERVED, ssl_client_ca_file: file('dates-authority.pem') }
  await using server = await openRestServer({ version: '1' }, settings)
  const certificate = await pem('expired.pem')
  for (let times = 0; times < 30; times += 1) {
    const socket = tls.connect({
      port: server.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      cert: certificate,
      key: certificate,
    })
    // The server knows of the certificate when it answers.
    socket.write('GET /version HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
  }
  const { length } = server.logger.lines.filter(({ level }) => level === 'warn')
  assert.ok(length > 0 && length < 25, `${length} lines`)
})

test('a TLS handshake that stands still is cut, wherever it stands', async () => {
  await using server = await openRestServer({ version: '1' }, { ...SERVED, read_header_timeout: '300ms' })
  // Nothing at all; half of the head of a record; a record whose rest never comes; one that is no TLS.
  const begins = ['', '16', '160301020001', '160301020001000100'.padEnd(200, '0')]
  const sockets = begins.map(hex => {
    const socket = net.connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined).resume()
    if (hex !== '') socket.write(Buffer.from(hex, 'hex'))
    return socket
  })
  await eventually('all are cut', () => sockets.every(socket => socket.closed), 5000)
  await using patient = await openRestServer({ version: '1' }, { ...SERVED, read_header_timeout: '1m' })
  const waiting = net.connect(patient.port, '127.0.0.1')
  waiting.on('error', () => undefined).resume()
  await askedMs(patient.port)
  assert.equal(waiting.closed, false)
  const plain = net.connect(patient.port, '127.0.0.1')
  plain.on('error', () => undefined).resume()
  plain.write('GET /version HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually('what is no TLS is cut', () => plain.closed, 5000)
  waiting.destroy()
})

test('500 TLS connections that are idle do not keep others from an answer, and go when the server stops', async () => {
  await using server = await openRestServer({ version: '1' }, SERVED)
  await askedMs(server.port)
  const alone = Math.max(await askedMs(server.port), await askedMs(server.port), await askedMs(server.port))
  const idle: tls.TLSSocket[] = []
  for (let batch = 0; batch < 10; batch += 1) {
    const sockets = Array.from({ length: 50 }, () => {
      const socket = tls.connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
      socket.on('error', () => undefined).resume()
      return socket
    })
    await Promise.all(sockets.map(socket => once(socket, 'secureConnect')))
    for (const socket of sockets) socket.write('GET /version HTTP/1.1\r\nHost: x\r\n\r\n')
    idle.push(...sockets)
  }
  await Promise.all(idle.map(socket => until('its answer', () => socket.bytesRead > 0)))
  const among = Math.min(await askedMs(server.port), await askedMs(server.port), await askedMs(server.port))
  assert.ok(among < 5 * alone + 20, `${among} ms, alone ${alone} ms`)
  assert.ok(idle.every(socket => !socket.closed))
  await server[Symbol.asyncDispose]()
  await eventually('all are closed', () => idle.every(socket => socket.closed), 5000)
})
