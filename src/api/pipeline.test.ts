import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseApiAddress } from './address.ts'
import { corsPolicy } from './cors.ts'
import { redirectOf, refuseMethod, toRoutedUrl } from './paths.ts'

test('a redirect stays on this host', () => {
  assert.deepEqual(redirectOf('/health/?a=b/'), { status: 307, location: '/health?a=b/' })
  assert.deepEqual(redirectOf('/'), { status: 307, location: '/' })
  assert.deepEqual(redirectOf('//pins?x'), { status: 301, location: '/pins?x' })
  assert.deepEqual(redirectOf('//evil.example/'), { status: 307, location: '/evil.example' })
  assert.deepEqual(redirectOf('//evil.example/..'), { status: 301, location: '/' })
  assert.deepEqual(redirectOf('/a/./b/../c'), { status: 301, location: '/a/c' })
  for (const clean of ['/pins', '/pins/a.b', '/pins/.hidden', '/pins?x=//', '/pins/..x'])
    assert.equal(redirectOf(clean), undefined)
})

test('an encoded slash is a slash, in the path only', () => {
  assert.equal(toRoutedUrl('/pins/ipfs%2FQm%2fx?filter=a%2Fb'), '/pins/ipfs/Qm/x?filter=a%2Fb')
  assert.equal(toRoutedUrl('/pins/%252F'), '/pins/%252F')
})

test('a known path with a method that no route has is refused with those that there are, every other is not found', () => {
  for (const [method, path, allowed] of [
    ['PUT', '/version', 'GET'],
    ['HEAD', '/pins', 'GET, POST, DELETE'],
    ['OPTIONS', '/add', 'POST'],
    ['PUT', '/pins/x', 'GET, POST, DELETE'],
    ['PUT', '/pins/ipfs/x', 'POST, DELETE'],
    ['DELETE', '/health', 'GET'],
    ['POST', '/health', 'GET'],
    ['DELETE', '/ipfs/gc', 'POST'],
  ] as const) {
    assert.equal(refuseMethod(method, path), allowed, `${method} ${path}`)
  }
  for (const [method, path] of [
    ['PUT', '/nosuch'],
    ['GET', '/add'],
    ['GET', '/pins/x/recover'],
    ['DELETE', '/pins'],
    ['POST', '/id'],
  ] as const) {
    assert.equal(refuseMethod(method, path), undefined, `${method} ${path}`)
  }
})

test('a wildcard origin needs something on both sides of it to match', () => {
  const policy = corsPolicy({
    allowedOrigins: ['https://*.b.example'],
    allowedMethods: [],
    allowedHeaders: ['*'],
    exposedHeaders: ['x-foo-bar'],
    isCredentialsAllowed: false,
    maxAgeMs: 500,
  })
  assert.deepEqual(policy.answer('https://x.B.example', 'GET'), {
    'Access-Control-Allow-Origin': 'https://x.B.example',
    'Access-Control-Expose-Headers': 'X-Foo-Bar',
  })
  for (const origin of ['https://b.example', 'https://x.b.example.evil', 'http://x.b.example', 'null']) {
    assert.equal(policy.answer(origin, 'GET'), undefined, origin)
  }
  assert.equal(policy.answer('https://x.b.example', 'DELETE'), undefined)
  const asked = policy.preflight('https://x.b.example', 'post', 'x-anything, accept')
  assert.equal(asked['Access-Control-Allow-Methods'], 'POST')
  assert.equal(asked['Access-Control-Max-Age'], undefined)
})

test('addresses are multiaddrs or URLs; what cannot be one is named', () => {
  const tcp = (host: string, port: number, isTls: boolean, prefix = '') => ({
    kind: 'tcp',
    host,
    port,
    isTls,
    prefix,
  })
  const cases: readonly (readonly [string, object])[] = [
    ['/ip4/127.0.0.1/tcp/9094', tcp('127.0.0.1', 9094, false)],
    ['/ip6/::1/tcp/0', tcp('::1', 0, false)],
    ['/dns4/a.example/tcp/443/https', { ...tcp('a.example', 443, true), family: 4 }],
    ['/dns/a.example/tcp/443/tls/http', tcp('a.example', 443, true)],
    ['http://a.example', tcp('a.example', 80, false)],
    ['https://[::1]:9094/base/', tcp('::1', 9094, true, '/base')],
    ['/unix/run/api.sock', { kind: 'unix', path: '/run/api.sock' }],
  ]
  for (const [text, address] of cases) assert.deepEqual(parseApiAddress(text), { ...address, text })
  const wrong = [
    '',
    'localhost:9094',
    '/ip4/127.0.0.1',
    '/ip4/127.0.0.1/tcp/99999',
    '/ip4/127.0.0.1/udp/1',
    'http://',
  ]
  for (const text of wrong) assert.throws(() => parseApiAddress(text), { code: 'INVALID_ARGUMENT' }, text)
  assert.throws(() => parseApiAddress('/ip4/1.2.3.4/tcp/9096/p2p/12D3Koo'), /libp2p address/)
})
