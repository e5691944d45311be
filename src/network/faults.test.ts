import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { it } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { eventually } from '../../test/support/eventually.ts'
import { openRealNetwork, type RealNetwork } from '../../test/support/real-network.ts'
import { createIdentity } from '../model/identity.ts'

const signal = AbortSignal.timeout(120_000)
const secretOf = (byte: number) => new Uint8Array(32).fill(byte)

const portOf = (address: string | undefined) => Number(multiaddr(address ?? '').getComponents()[1]?.value)

function warnings({ logger }: RealNetwork): readonly string[] {
  return logger.lines
    .filter(line => line.level === 'warn' && line.fields.address !== undefined)
    .map(line => line.message)
}

/** Both ends try: what does each of them say? */
async function meetWith(own: Uint8Array | undefined, other: Uint8Array | undefined) {
  const hub = await openRealNetwork({ secret: own })
  const guest = await openRealNetwork({ secret: other, peerAddresses: hub.network.addresses() })
  await eventually('both have said something', () => warnings(hub).length > 0 && warnings(guest).length > 0)
  await assert.rejects(guest.network.connect(hub.network.addresses()[0] ?? '', { signal }), {
    code: 'PEER_UNREACHABLE',
  })
  assert.deepEqual(hub.network.peers(), [])
  assert.deepEqual(guest.network.peers(), [])
  await guest.network[Symbol.asyncDispose]()
  await hub.network[Symbol.asyncDispose]()
  return { hub: warnings(hub), guest: warnings(guest) }
}

it('a peer with another secret is refused, and both ends say in one line that the secret is at fault', async () => {
  const said = await meetWith(secretOf(1), secretOf(2))
  assert.equal(said.hub.length, 1)
  assert.equal(said.guest.length, 1)
  assert.match(said.hub[0] ?? '', /cluster secret of that peer differs from ours or is missing/)
  assert.match(said.guest[0] ?? '', /cluster secret differs from ours or is missing/)
})

it('a peer without a secret and one with a secret refuse each other and say why', async () => {
  for (const [own, other] of [
    [secretOf(1), undefined],
    [undefined, secretOf(1)],
  ]) {
    const said = await meetWith(own, other)
    assert.match(said.hub[0] ?? '', /cluster secret of that peer differs from ours or is missing/)
    assert.match(said.guest[0] ?? '', /cluster secret differs from ours or is missing/)
  }
})

it('an open network works, and warns that it is one', async () => {
  const hub = await openRealNetwork({ secret: undefined })
  const guest = await openRealNetwork({ secret: undefined, peerAddresses: hub.network.addresses() })
  await eventually('they are connected', () => hub.network.peers().length > 0)
  assert.ok(hub.logger.lines.some(line => line.message.includes('cluster.secret is empty')))
  assert.deepEqual(warnings(guest), [])
  await guest.network[Symbol.asyncDispose]()
  await hub.network[Symbol.asyncDispose]()
})

it('one who only knocks is no peer with a wrong secret', async () => {
  const hub = await openRealNetwork()
  const port = portOf(hub.network.addresses()[0])
  await new Promise<void>(resolve => {
    const socket = connect(port, '127.0.0.1', () => socket.end(resolve))
  })
  const guest = await openRealNetwork({ peerAddresses: hub.network.addresses() })
  await eventually('a real peer gets in', () => hub.network.peers().length > 0)
  assert.deepEqual(warnings(hub), [])
  await guest.network[Symbol.asyncDispose]()
  await hub.network[Symbol.asyncDispose]()
})

it('a port in use is a CONFLICT that names the address', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const bound = server.address()
  assert.ok(typeof bound === 'object' && bound !== null)
  const listen = [`/ip4/127.0.0.1/tcp/${bound.port}`]
  await assert.rejects(openRealNetwork({ listen }), (thrown: Error & { code?: string }) => {
    assert.equal(thrown.code, 'CONFLICT')
    assert.ok(thrown.message.includes(`${listen[0]}: the port is in use`), thrown.message)
    return true
  })
  server.close()
})

it('an address of another machine, or none of TCP, is CONFIG_INVALID', async () => {
  await assert.rejects(openRealNetwork({ listen: ['/ip4/192.0.2.1/tcp/0'] }), {
    code: 'CONFIG_INVALID',
    message: /192\.0\.2\.1.*EADDRNOTAVAIL/,
  })
  await assert.rejects(openRealNetwork({ listen: ['/ip4/127.0.0.1/udp/0/quic'] }), { code: 'CONFIG_INVALID' })
})

it('the default listen addresses of the reference work: what is not TCP is passed over', async () => {
  const listen = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/9096/quic']
  const { network, logger } = await openRealNetwork({ listen })
  assert.equal(network.addresses().length, 1)
  assert.ok(logger.lines.some(line => line.message.includes('only TCP is supported')))
  await network[Symbol.asyncDispose]()
})

it('a bootstrap peer that comes up late, and one that comes back on its port, is found', async () => {
  const identity = createIdentity()
  const first = await openRealNetwork({}, identity)
  const address = first.network.addresses()[0] ?? ''
  const listen = [`/ip4/127.0.0.1/tcp/${portOf(address)}`]
  await first.network[Symbol.asyncDispose]()
  const opening = performance.now()
  const guest = await openRealNetwork({ peerAddresses: [address] })
  assert.ok(performance.now() - opening < 2000, 'opening waited for the bootstrap peer')
  for (let round = 0; round < 2; round++) {
    const hub = await openRealNetwork({ listen }, identity)
    await eventually('it is found', () => guest.network.peers().length > 0, 20_000)
    await hub.network[Symbol.asyncDispose]()
    await eventually('it is gone', () => guest.network.peers().length === 0)
  }
  await guest.network[Symbol.asyncDispose]()
})

it('announced addresses replace the own ones, and hidden ones are left out', async () => {
  const announce = ['/dns4/peer.example/tcp/9096', '/ip4/10.1.2.3/tcp/9096']
  const { network } = await openRealNetwork({ announce, noAnnounce: ['/ip4/10.0.0.0/ipcidr/8'] })
  assert.deepEqual(network.addresses(), [`${announce[0]}/p2p/${network.self}`])
  await network[Symbol.asyncDispose]()
})
