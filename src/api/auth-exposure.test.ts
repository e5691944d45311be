import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { parseApiAddress } from './address.ts'
import { isLocal } from './auth-exposure.ts'
import { type RestApiSection, restApiSchema, toRestApiConfig } from './config.ts'

const LOCAL = [
  '/ip4/127.0.0.1/tcp/9094',
  '/ip4/127.8.7.6/tcp/0',
  '/ip6/::1/tcp/9094',
  '/ip6/0:0:0:0:0:0:0:1/tcp/9094',
  '/ip6/::ffff:127.0.0.1/tcp/9094',
  '/dns4/localhost/tcp/9094',
  '/unix/run/api.sock',
]
const OPEN = [
  '/ip4/0.0.0.0/tcp/9094',
  '/ip6/::/tcp/9094',
  '/ip4/10.0.0.1/tcp/9094',
  '/ip6/fe80::1/tcp/9094',
  '/ip6/1::1/tcp/9094',
  '/ip6/::ffff:10.0.0.1/tcp/9094',
  '/dns4/cluster.example/tcp/9094',
  '/dns4/127.0.0.1.example/tcp/9094',
  '/dns/localhost.example/tcp/9094',
]

const configOf = (settings: Partial<RestApiSection>) =>
  toRestApiConfig({ ...Value.Create(restApiSchema), ...settings })

test('loopback and socket files are local, everything else may be reached from elsewhere', () => {
  for (const text of LOCAL) assert.equal(isLocal(parseApiAddress(text)), true, text)
  for (const text of OPEN) assert.equal(isLocal(parseApiAddress(text)), false, text)
})

test('what listens to other machines is refused unless it is said who may do what, with the lines to add', () => {
  for (const text of OPEN) {
    const listen = { http_listen_multiaddress: ['/ip4/127.0.0.1/tcp/9094', text] }
    assert.throws(
      () => configOf(listen),
      (thrown: Error) => {
        for (const part of [
          text,
          '"basic_auth_credentials": {"admin": "<password>"}',
          'CLUSTER_RESTAPI_BASICAUTHCREDENTIALS=admin:<password>',
          '"anonymous_scope": "admin"',
          'CLUSTER_RESTAPI_ANONYMOUSSCOPE=admin',
        ])
          assert.ok(thrown.message.includes(part), `${thrown.message} has ${part}`)
        return true
      },
    )
    const scopeOf = (settings: Partial<RestApiSection>) =>
      configOf({ ...listen, ...settings }).gate.anonymousScope
    assert.equal(scopeOf({ basic_auth_credentials: { a: 'b' } }), undefined)
    assert.equal(scopeOf({ anonymous_scope: 'admin' }), 'admin')
    assert.equal(scopeOf({ anonymous_scope: 'read' }), 'read')
    assert.equal(scopeOf({ anonymous_scope: 'none' }), undefined)
    const tls = { ssl_cert_file: 'c', ssl_key_file: 'k', ssl_client_ca_file: 'a' }
    assert.equal(scopeOf(tls), undefined)
  }
  for (const text of LOCAL)
    assert.equal(configOf({ http_listen_multiaddress: text }).gate.anonymousScope, 'admin')
})

test('users and their passwords are asked for unless it is said that they need not', () => {
  const users = { basic_auth_credentials: { a: 'b' } }
  assert.equal(configOf(users).gate.anonymousScope, undefined)
  assert.equal(configOf({ ...users, anonymous_scope: 'read' }).gate.anonymousScope, 'read')
  assert.throws(
    () => configOf({ ssl_client_ca_file: 'a' }),
    /ssl_client_ca_file: client certificates need TLS/,
  )
})
