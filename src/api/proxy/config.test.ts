import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { ClusterError } from '../../errors.ts'
import { type ProxySection, proxySchema, toProxyConfig } from './config.ts'

const defaults = Value.Create(proxySchema)

test('the defaults are those of the reference', () => {
  const config = toProxyConfig(defaults)
  assert.deepEqual(
    config.listen.map(({ text }) => text),
    ['/ip4/127.0.0.1/tcp/9095'],
  )
  assert.equal(config.node, undefined)
  const { readTimeoutMs, readHeaderTimeoutMs, writeTimeoutMs, idleTimeoutMs, maxHeaderBytes } = config
  assert.deepEqual(
    [readTimeoutMs, readHeaderTimeoutMs, writeTimeoutMs, idleTimeoutMs, maxHeaderBytes],
    [0, 5000, 0, 60_000, 4096],
  )
  assert.deepEqual(config.extractedHeaders, {
    names: ['access-control-expose-headers'],
    path: '/api/v0/version',
    ttlMs: 300_000,
  })
})

test('what cannot be served is refused by the name of its key', () => {
  const wrong: readonly Partial<ProxySection>[] = [
    { listen_multiaddress: 'localhost:9095' },
    { listen_multiaddress: '/ip4/0.0.0.0/tcp/9095' },
    { node_multiaddress: 'nowhere' },
    { max_header_bytes: 100 },
    { log_file: 'access.log' },
    { extract_headers_extra: ['X Custom'] },
  ]
  for (const part of wrong) {
    assert.throws(
      () => toProxyConfig({ ...defaults, ...part }),
      (thrown: unknown) => {
        assert.ok(thrown instanceof ClusterError)
        assert.equal(thrown.code, 'CONFIG_INVALID')
        assert.ok(thrown.message.startsWith(`api.ipfsproxy.${Object.keys(part)[0]}: `), thrown.message)
        return true
      },
    )
  }
})

test('other machines are let in only when that is said', () => {
  const open = {
    ...defaults,
    listen_multiaddress: '/ip4/0.0.0.0/tcp/9095',
    anonymous_scope: 'admin',
  } as const
  assert.equal(toProxyConfig(open).listen.length, 1)
})
