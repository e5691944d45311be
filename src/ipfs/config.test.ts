import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { ipfsSchema, toIpfsConfig } from './config.ts'
import { toRpcAddress } from './kubo/address.ts'

test('the defaults are those of the reference for Kubo, and an embedded node in the configuration folder', () => {
  const section = Value.Parse(ipfsSchema, Value.Default(ipfsSchema, {}))
  const config = toIpfsConfig(section, '/base')
  assert.equal(config.node, 'embedded')
  assert.deepEqual(config.kubo, {
    nodeAddress: '/ip4/127.0.0.1/tcp/5001',
    requestTimeoutMs: 300_000,
    pinTimeoutMs: 120_000,
    unpinTimeoutMs: 10_800_000,
    repoGcTimeoutMs: 86_400_000,
    isUnpinDisabled: false,
  })
  assert.equal(config.embedded.folder, '/base/ipfs')
  assert.equal(config.embedded.gcGraceMs, 3_600_000)
  assert.equal(config.connectSwarmsDelayMs, 30_000)
})

test('RPC addresses name hosts, ports, TLS and sockets; others are refused with the text', () => {
  const cases = [
    ['/ip4/127.0.0.1/tcp/5001', { host: '127.0.0.1', port: 5001, family: 4, isTls: false }],
    ['/ip6/::1/tcp/5001', { host: '::1', port: 5001, family: 6, isTls: false }],
    ['/dns/kubo/tcp/443/https', { host: 'kubo', port: 443, family: undefined, isTls: true }],
    ['/dns4/kubo/tcp/443/tls/http', { host: 'kubo', port: 443, family: 4, isTls: true }],
    ['/unix/run/kubo.sock', { socketPath: '/run/kubo.sock' }],
    ['/unix/%2Frun%2Fkubo.sock', { socketPath: '/run/kubo.sock' }],
  ] as const
  for (const [text, expected] of cases) assert.deepEqual(toRpcAddress(text), { text, ...expected })
  for (const text of ['localhost:5001', '/ip4/127.0.0.1', '/ip4/127.0.0.1/udp/5001', '']) {
    assert.throws(() => toRpcAddress(text), { code: 'CONFIG_INVALID' }, text)
  }
})
