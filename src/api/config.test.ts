import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { ClusterError } from '../errors.ts'
import { type RestApiSection, restApiSchema, toRestApiConfig } from './config.ts'

const defaults = Value.Create(restApiSchema)

test('the defaults are those of the reference', () => {
  const config = toRestApiConfig(defaults)
  assert.deepEqual(
    config.listen.map(({ text }) => text),
    ['/ip4/127.0.0.1/tcp/9094'],
  )
  assert.deepEqual(
    [
      config.readTimeoutMs,
      config.readHeaderTimeoutMs,
      config.writeTimeoutMs,
      config.idleTimeoutMs,
      config.maxHeaderBytes,
    ],
    [0, 5000, 0, 120_000, 4096],
  )
  assert.deepEqual(config.gate, {
    basicAuth: undefined,
    anonymousScope: 'admin',
    certificateScope: 'admin',
    peerScopes: new Map(),
  })
  assert.equal(config.tls, undefined)
})

test('an idle time-out of 0 is no bound, and one beyond all timers the longest that they know', () => {
  const { idleTimeoutMs: longestMs } = toRestApiConfig({ ...defaults, idle_timeout: '0s' })
  assert.ok(longestMs > 20 * 86_400_000)
  assert.equal(toRestApiConfig({ ...defaults, idle_timeout: '8760h' }).idleTimeoutMs, longestMs)
})

test('every default fits the schema, and no credentials at all are no credentials', () => {
  assert.ok(Value.Check(restApiSchema, defaults))
  assert.ok(!Value.Check(restApiSchema, { ...defaults, basic_auth_credentials: {} }))
})

test('what cannot be served is refused by the name of its key', () => {
  const wrong: readonly Partial<RestApiSection>[] = [
    { http_listen_multiaddress: 'localhost:9094' },
    { ssl_cert_file: 'cert.pem' },
    { max_header_bytes: 100 },
    { http_log_file: 'access.log' },
    { libp2p_listen_multiaddress: '/ip4/0.0.0.0/tcp/9096' },
  ]
  for (const part of wrong) {
    assert.throws(
      () => toRestApiConfig({ ...defaults, ...part }),
      (thrown: unknown) => {
        assert.ok(thrown instanceof ClusterError)
        assert.equal(thrown.code, 'CONFIG_INVALID')
        assert.ok(thrown.message.includes(`api.restapi.${Object.keys(part)[0]}`), thrown.message)
        return true
      },
    )
  }
})

test('files are found beside the configuration', () => {
  const config = toRestApiConfig(
    { ...defaults, ssl_cert_file: 'c.pem', ssl_key_file: '/abs/k.pem' },
    '/etc/pinfold',
  )
  assert.deepEqual(config.tls, {
    certFile: '/etc/pinfold/c.pem',
    keyFile: '/abs/k.pem',
    clientCaFile: undefined,
  })
})
