import assert from 'node:assert/strict'
import test from 'node:test'
import { type Client, openClient } from '../../src/api/client.ts'
import { eventually } from '../support/eventually.ts'
import { namespacesUnavailable, openNetworkNamespaces } from '../support/network-namespaces.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses } from '../support/peer-processes.ts'

const skip = (await namespacesUnavailable()) ?? false
const QUICK_RETRY = { CLUSTER_IPFSEMBEDDED_PINTIMEOUT: '5s' }
const options = () => ({ signal: AbortSignal.timeout(20_000) })

async function peersOf(client: Client): Promise<number> {
  let count = 0
  for await (const { error } of client.peers({}, options())) if (error === '') count++
  return count
}

async function pinset(client: Client): Promise<string[]> {
  const all: string[] = []
  for await (const pin of client.allocations({ query: {} }, options())) all.push(`${pin.cid} ${pin.name}`)
  return all
}

test('a cluster whose network falls apart takes writes on both sides, and is one again when it heals', {
  skip,
  timeout: 180_000,
}, async () => {
  await using stack = new AsyncDisposableStack()
  const network = stack.use(await openNetworkNamespaces(3))
  const processes = stack.use(await openPeerProcesses())
  for (const namespace of network.hosts) await processes.add({ namespace, environment: QUICK_RETRY })
  const clients = processes.peers.map(peer => openClient({ hosts: [peer.host], timeoutMs: 20_000 }))
  const [first, second, third] = clients
  assert.ok(first && second && third)
  await eventually(
    'every peer sees all',
    async () => (await Promise.all(clients.map(peersOf))).every(count => count === 3),
    30_000,
  )
  const write = async (client: Client, from: number, name: string) => {
    for (let number = from; number < from + 100; number++) {
      await client.pin({ params: { hash: numberedCid(number).toString() }, query: { name } }, options())
    }
  }
  await write(first, 0, 'before')
  await eventually(
    'the third has what was written before',
    async () => (await pinset(third)).length === 100,
    30_000,
  )

  await network.unplug(2)
  await eventually(
    'the two sides no longer see each other',
    async () => {
      const counts = await Promise.all(clients.map(peersOf))
      return counts.join() === '2,2,1'
    },
    60_000,
  )
  await Promise.all([write(first, 50, 'majority'), write(third, 80, 'minority')])
  await third.unpin({ params: { hash: numberedCid(0).toString() }, query: {} }, options())
  assert.notDeepEqual(await pinset(first), await pinset(third))

  await network.plug(2)
  await eventually(
    'all pinsets are equal',
    async () => {
      const [one, two, three] = await Promise.all(clients.map(pinset))
      assert.deepEqual(one, three)
      assert.deepEqual(two, three)
      return true
    },
    60_000,
  )
  const all = new Set(await pinset(second))
  assert.equal(all.size, 179)
  assert.ok(!all.has(`${numberedCid(0).toString()} before`), 'what was unpinned on one side is gone')
  assert.ok(all.has(`${numberedCid(60).toString()} majority`))
  assert.ok(all.has(`${numberedCid(179).toString()} minority`))
})
