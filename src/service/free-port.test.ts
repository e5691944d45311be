import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { freePort, hostAndPort, withPort } from './free-port.ts'

test('the wanted port is taken when it is free, another when it is busy or spoken for', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const taken = new Set<number>()
  const other = await freePort('127.0.0.1', address.port, taken)
  assert.notEqual(other, address.port)
  server.close()
  await once(server, 'close')
  assert.equal(await freePort('127.0.0.1', address.port, taken), address.port)
  assert.notEqual(await freePort('127.0.0.1', address.port, taken), address.port)
  assert.equal(taken.size, 3)
})

test('a host that is not of this machine has no free port', () =>
  assert.rejects(freePort('192.0.2.1', 0, new Set()), /no free port on 192\.0\.2\.1/))

test('the port of a multiaddr is read and replaced', () => {
  assert.deepEqual(hostAndPort('/ip6/::1/tcp/9096'), { host: '::1', port: 9096 })
  assert.equal(hostAndPort('/unix/run/api.sock'), undefined)
  assert.equal(withPort('/ip4/0.0.0.0/udp/9096/quic', 7), '/ip4/0.0.0.0/udp/7/quic')
})
