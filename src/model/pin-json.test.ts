import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterError } from '../errors.ts'
import { parseCid } from './cid.ts'
import { toPin } from './pin.ts'
import { parsePinJson, toPinJson, toSubmittedPinJson } from './pin-json.ts'

const cid = parseCid('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq')
const peer = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'

test('a stored pin has the members of the reference, in its order', () => {
  const pin = toPin(cid, { replicationMin: -1, replicationMax: -1, timestampMs: Date.UTC(2022, 2, 1, 12) })
  const expected =
    '{"replication_factor_min":-1,"replication_factor_max":-1,"name":"","mode":"recursive","shard_size":0,"user_allocations":null,"expire_at":"0001-01-01T00:00:00Z","metadata":null,"pin_update":null,"origins":[],"cid":"QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq","type":"pin","allocations":[],"max_depth":-1,"reference":null,"timestamp":"2022-03-01T12:00:00Z"}'
  assert.equal(JSON.stringify(toPinJson(pin)), expected)
})

test('a submitted pin has an object as metadata, null as no origins, and echoes the wanted peers', () => {
  const json = toSubmittedPinJson(toPin(cid, { userAllocations: [peer] }))
  assert.deepEqual(json.metadata, {})
  assert.equal(json.origins, null)
  assert.deepEqual(json.user_allocations, [peer])
})

test('metadata keys are sorted, and "__proto__" is a key like any other', () => {
  const metadata = Object.fromEntries([
    ['z', '1'],
    ['__proto__', '2'],
    ['a', '3'],
  ])
  const text = JSON.stringify(toPinJson(toPin(cid, { metadata })).metadata)
  assert.equal(text, '{"__proto__":"2","a":"3","z":"1"}')
})

test('a pin comes back from its JSON', () => {
  const pin = toPin(cid, {
    name: 'ü "quoted"',
    mode: 'direct',
    replicationMin: 2,
    replicationMax: 3,
    shardSizeBytes: 5,
    expireAtMs: Date.UTC(2099, 0),
    metadata: { a: 'b', c: 'd' },
    pinUpdate: parseCid('bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am'),
    origins: [`/ip4/1.2.3.4/tcp/4001/p2p/${peer}`],
    type: 'meta-pin',
    allocations: [peer],
    reference: cid,
    timestampMs: Date.UTC(2022, 2, 1),
  })
  assert.deepEqual(parsePinJson(JSON.parse(JSON.stringify(toPinJson(pin)))), pin)
})

test('a CID alone is enough', () => {
  assert.deepEqual(parsePinJson({ cid: cid.toString() }), toPin(cid))
})

test('what is wrong in a pin is named', () => {
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [null, /not a JSON object/],
    [[], /not a JSON object/],
    [{}, /error decoding Cid/],
    [{ cid: cid.toString(), name: 5 }, /"name" is not a text/],
    [{ cid: cid.toString(), max_depth: 1.5 }, /"max_depth" is not an integer/],
    [{ cid: cid.toString(), allocations: ['x'] }, /error decoding Peer ID/],
    [{ cid: cid.toString(), origins: 'x' }, /"origins" is not a list/],
    [{ cid: cid.toString(), metadata: { a: 1 } }, /"metadata" has values/],
    [{ cid: cid.toString(), type: 'all' }, /no type of pin/],
  ]
  for (const [json, message] of wrong) {
    assert.throws(
      () => parsePinJson(json),
      (thrown: unknown) => thrown instanceof ClusterError && message.test(thrown.message),
    )
  }
})
