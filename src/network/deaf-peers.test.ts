import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openBareHost } from '../../test/support/bare-host.ts'
import { eventually } from '../../test/support/eventually.ts'
import { hurriedClock } from '../../test/support/hurried-clock.ts'
import { openRealNetwork } from '../../test/support/real-network.ts'
import { createIdentity } from '../model/identity.ts'
import { DeafPeers, type GossipView } from './deaf-peers.ts'

const healthy: GossipView = {
  connected: ['a', 'b'],
  gossiping: new Set(['a', 'b']),
  subscribed: new Set(['a', 'b']),
  hasTopics: true,
}

/** When a peer is found deaf, looking every ten seconds for two hours. */
function foundAt(view: GossipView): readonly number[] {
  const deafPeers = new DeafPeers()
  const times: number[] = []
  for (let seconds = 0; seconds <= 7200; seconds += 10) {
    if (deafPeers.find(view, seconds * 1000).length > 0) times.push(seconds)
  }
  return times
}

it('a peer with which gossip goes on is left alone', () => {
  assert.deepEqual(foundAt(healthy), [])
  assert.deepEqual(foundAt({ ...healthy, subscribed: new Set(), hasTopics: false }), [])
})

it('a connection without gossip is opened anew, ever more rarely while that does not help', () => {
  const times = foundAt({ ...healthy, gossiping: new Set(['a']) })
  assert.deepEqual(times.slice(0, 3), [30, 100, 230])
  assert.ok(times.length < 10, String(times))
})

it('a peer that listens to none of our topics is given more time', () => {
  assert.deepEqual(foundAt({ ...healthy, subscribed: new Set(['b']) }).slice(0, 2), [60, 190])
})

it('a peer that recovers and goes deaf again is dealt with as if for the first time', () => {
  const deafPeers = new DeafPeers()
  const deaf = { ...healthy, gossiping: new Set(['a']) }
  assert.deepEqual(deafPeers.find(deaf, 0), [])
  assert.deepEqual(deafPeers.find(deaf, 30_000), ['b'])
  assert.deepEqual(deafPeers.find(healthy, 40_000), [])
  assert.deepEqual(deafPeers.find(deaf, 50_000), [])
  assert.deepEqual(deafPeers.find(deaf, 80_000), ['b'])
})

it('a peer that stays away for an hour is forgotten', () => {
  const deafPeers = new DeafPeers()
  const deaf = { ...healthy, gossiping: new Set(['a']) }
  const away = { ...healthy, connected: ['a'], gossiping: new Set(['a']) }
  deafPeers.find(deaf, 0)
  assert.deepEqual(deafPeers.find(deaf, 30_000), ['b'])
  deafPeers.find(away, 1_800_000)
  deafPeers.find(deaf, 1_900_000)
  assert.deepEqual(deafPeers.find(deaf, 1_930_000), [], 'patience is twice as long as it was')
  deafPeers.find(away, 5_600_000)
  deafPeers.find(deaf, 5_700_000)
  assert.deepEqual(deafPeers.find(deaf, 5_730_000), ['b'])
})

it('gossip that dies on a connection that lives comes back', async () => {
  await using bare = await openBareHost()
  const other = bare.host
  const heard: string[] = []
  other.services.gossip.subscribe('news')
  other.services.gossip.addEventListener('message', ({ detail }) =>
    heard.push(Buffer.from(detail.data).toString()),
  )
  const { network } = await openRealNetwork(
    { peerAddresses: other.getMultiaddrs().map(String) },
    createIdentity(),
    hurriedClock(50),
  )
  network.subscribe('news', () => undefined)
  const hear = (word: string) =>
    eventually(
      `${word} is heard`,
      async () => {
        await network.publish('news', new Uint8Array(Buffer.from(word)))
        return heard.includes(word)
      },
      20_000,
    )
  await hear('before')
  const [connection] = other.getConnections()
  const streams = connection?.streams.filter(stream => stream.protocol.startsWith('/meshsub')) ?? []
  assert.ok(streams.length > 0)
  for (const stream of streams) stream.abort(new Error('torn'))
  await eventually('gossip is dead', () => other.services.gossip.getSubscribers('news').length === 0)
  assert.equal(connection?.status, 'open')
  await hear('after')
  assert.notEqual(connection.status, 'open')
  await network[Symbol.asyncDispose]()
})
