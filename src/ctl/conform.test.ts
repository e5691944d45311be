import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routes } from '../api/routes.ts'
import { conform } from './conform.ts'

test('missing members are empty, unknown ones are left out, null stays null', () => {
  const peer = conform(routes.id.reply, { id: 'x', addresses: null, unknown: 1, ipfs: { error: 'e' } })
  assert.deepEqual(peer, {
    id: 'x',
    addresses: null,
    ipfs: { error: 'e', addresses: null },
    cluster_peers: null,
    cluster_peers_addresses: null,
    version: '',
    commit: '',
    rpc_protocol_version: '',
    error: '',
    peername: '',
  })
})

test('integers keep all of their 64 bits', () => {
  const [metric] = conform(routes.metrics.reply, [{ expire: 1795257181635325672n }])
  assert.equal(metric?.expire, 1795257181635325672n)
})

test('a member of the wrong type is named', () => {
  const wrong: [unknown, RegExp][] = [
    [[], /it is a list, not object/],
    [{ id: 7 }, /"id" is number, not string/],
    [{ addresses: {} }, /"addresses" is object, not list/],
    [{ addresses: ['a', 1] }, /"addresses\[1\]" is number/],
    [{ ipfs: 'x' }, /"ipfs" is string, not object/],
  ]
  for (const [value, message] of wrong) assert.throws(() => conform(routes.id.reply, value), message)
})

test('members named like those of every object are data', () => {
  assert.deepEqual(Object.keys(conform(routes.bandwidth.reply, JSON.parse('{"__proto__":{},"a":{}}'))), [
    '__proto__',
    'a',
  ])
  assert.deepEqual(conform(routes.version.reply, { constructor: 'x', version: '1' }), { version: '1' })
})
