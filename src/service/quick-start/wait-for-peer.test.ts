import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { hurriedClock } from '../../../test/support/hurried-clock.ts'
import { waitUntilJoined } from './wait-for-peer.ts'

test('a peer has joined when it sees all the others, and is not waited for without end', async () => {
  let seen = ['a']
  let asked = 0
  const server = createServer((_, response) => {
    asked += 1
    // An address that names a peer is no peer that is seen.
    response.end(JSON.stringify({ id: 'a', cluster_peers: seen, cluster_peers_addresses: ['/p2p/b'] }))
    if (asked === 3) seen = ['a', 'b']
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const url = `http://127.0.0.1:${address.port}`
    const { signal } = new AbortController()
    assert.equal(await waitUntilJoined(url, ['a', 'b'], hurriedClock(10), signal), true)
    assert.equal(asked, 4)
    assert.equal(await waitUntilJoined(url, ['a', 'b', 'c'], hurriedClock(1000), signal), false)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
