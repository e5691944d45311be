import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toConnectGraphJson } from './graph-json.ts'

test('every peer that is linked has an entry of its own, since clients look it up', () => {
  const json = toConnectGraphJson({
    self: 'a',
    peernames: new Map([
      ['b', 'two'],
      ['a', 'one'],
    ]),
    clusterLinks: new Map([['a', ['b', 'stranger']]]),
    trusted: new Map(),
    clusterToIpfs: new Map(),
    ipfsLinks: new Map(),
    health: new Map(),
    failures: new Map(),
    sights: new Map(),
  })
  assert.deepEqual(json.cluster_links, { a: ['b', 'stranger'], b: [], stranger: [] })
  assert.deepEqual(Object.keys(json.id_to_peername), ['a', 'b'])
})
