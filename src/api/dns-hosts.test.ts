import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRestServer } from '../../test/support/rest-server.ts'
import { ClusterError } from '../errors.ts'
import { parseHostAddress } from './address.ts'
import { openClient } from './client.ts'
import { addressesOf, type LookUpTexts } from './dns-hosts.ts'

const signal = AbortSignal.timeout(60_000)
const A = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const B = '12D3KooWKuJ8LPTyHbyX4nt4C7uWmUobzFsiceTVoFw7HpmoNakM'

/** Names with their TXT records; asking for others fails as DNS does. */
function zone(records: Readonly<Record<string, readonly string[]>>) {
  const asked: string[] = []
  const lookUp: LookUpTexts = async name => {
    asked.push(name)
    const found = records[name]
    if (found === undefined)
      throw Object.assign(new Error(`queryTxt ENOTFOUND ${name}`), { code: 'ENOTFOUND' })
    // Long records come in pieces.
    return found.map(text => [text.slice(0, 9), text.slice(9)])
  }
  return { lookUp, asked }
}

const resolve = async (host: string, { lookUp }: ReturnType<typeof zone>) =>
  (await addressesOf(parseHostAddress(host), lookUp, { signal })).map(({ text }) => text)

test('a name stands for the peers in its TXT records, also behind further names; other texts are passed over', async () => {
  const dns = zone({
    '_dnsaddr.c.example': [
      `dnsaddr=/ip4/10.0.0.1/tcp/9096/p2p/${A}`,
      'v=spf1 -all',
      `dnsaddr=/ip4/10.0.0.1/udp/9096/quic-v1/p2p/${A}`,
      'dnsaddr=/ip4/10.0.0.9/tcp/9094',
      `dnsaddr=/dnsaddr/two.example/p2p/${B}`,
      `dnsaddr=/ip4/10.0.0.1/tcp/9096/p2p/${A}`,
    ],
    '_dnsaddr.two.example': [
      `dnsaddr=/dns4/b.example/tcp/9096/p2p/${B}`,
      `dnsaddr=/ip4/10.0.0.3/tcp/9096/p2p/${A}`,
    ],
  })
  const [a, b] = [`/ip4/10.0.0.1/tcp/9096/p2p/${A}`, `/dns4/b.example/tcp/9096/p2p/${B}`]
  assert.deepEqual(await resolve('/dnsaddr/c.example', dns), [a, b])
  assert.deepEqual(await resolve(`/dnsaddr/c.example/p2p/${B}`, dns), [b])
  assert.deepEqual(await resolve(a, dns), [a])
  assert.deepEqual(await resolve('/unix/a', dns), ['/unix/a'])
})

test('a name that leads nowhere, or in a circle, is an error that says so', async () => {
  const dns = zone({ '_dnsaddr.a': ['dnsaddr=/dnsaddr/a'], '_dnsaddr.b': ['x'] })
  await assert.rejects(resolve('/dnsaddr/a', dns), {
    code: 'PEER_UNREACHABLE',
    message: /^"\/dnsaddr\/a" leads nowhere/,
  })
  assert.ok(dns.asked.length < 20)
  await assert.rejects(resolve('/dnsaddr/b', dns), /none of its TXT records names a peer over TCP/)
  await assert.rejects(resolve('/dnsaddr/none', dns), /_dnsaddr\.none: .*ENOTFOUND/)
  assert.throws(() => parseHostAddress('/dnsaddr/'), { code: 'INVALID_ARGUMENT' })
})

test('the client asks what a name stands for one after the other, then the next host, and looks a name up when it is its turn', async () => {
  const dns = zone({ '_dnsaddr.c': [A, B].map(id => `dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/${id}`) })
  const tried: string[] = []
  await using server = await openRestServer({ version: '1' })
  const client = server.client({
    hosts: ['/dnsaddr/none', '/dnsaddr/c', server.address, '/dnsaddr/never'],
    lookUpTexts: dns.lookUp,
    connectPeer: async address => {
      tried.push(address)
      throw new ClusterError('PEER_UNREACHABLE', 'not there')
    },
  })
  assert.deepEqual(await client.version({}, { signal }), { version: '1' })
  assert.deepEqual(dns.asked, ['_dnsaddr.none', '_dnsaddr.c'])
  assert.deepEqual(
    tried.map(address => address.split('/').at(-1)),
    [A, B],
  )
  await assert.rejects(
    openClient({ hosts: ['/dnsaddr/none'], timeoutMs: 0, lookUpTexts: dns.lookUp }).version({}, { signal }),
    { code: 'PEER_UNREACHABLE' },
  )
})

test('a name with an address family is asked over that family only', async () => {
  await using server = await openRestServer({ version: '1' })
  const ask = (kind: string) =>
    server.client({ hosts: [`/${kind}/localhost/tcp/${server.port}`] }).version({}, { signal })
  // A connection that stands would be used again.
  await assert.rejects(ask('dns6'), { code: /NOT_READY|PEER_UNREACHABLE/ })
  assert.deepEqual([await ask('dns4'), await ask('dns')], [{ version: '1' }, { version: '1' }])
})
