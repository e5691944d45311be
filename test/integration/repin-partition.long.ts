import assert from 'node:assert/strict'
import test from 'node:test'
import { type Client, openClient } from '../../src/api/client.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { eventually } from '../support/eventually.ts'
import { namespacesUnavailable, openNetworkNamespaces } from '../support/network-namespaces.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses } from '../support/peer-processes.ts'

const skip = (await namespacesUnavailable()) ?? false
const { signal } = new AbortController()
const options = () => ({ signal: AbortSignal.timeout(20_000) })
const PINS = 40
const ENVIRONMENT = {
  CLUSTER_REPINDELAY: '0s',
  CLUSTER_REPLICATIONFACTORMIN: '2',
  CLUSTER_REPLICATIONFACTORMAX: '2',
  CLUSTER_CRDT_TRUSTEDPEERS: '*',
  CLUSTER_PUBSUBMON_GONEAFTER: '7s',
  CLUSTER_PUBSUBMON_UNREACHABLEAFTER: '4s',
  CLUSTER_IPFSEMBEDDED_PINTIMEOUT: '5s',
}

async function peersOf(client: Client): Promise<number> {
  let count = 0
  for await (const { error } of client.peers({}, options())) if (error === '') count++
  return count
}

async function allocations(client: Client): Promise<string[]> {
  const all: string[] = []
  for await (const pin of client.allocations({ query: {} }, options()))
    all.push(`${pin.cid} ${pin.allocations?.join()}`)
  return all.sort()
}

test('a cluster that falls apart into halves moves nothing on either side, and says why; with a majority it does', {
  skip,
  timeout: 175_000,
}, async () => {
  await using stack = new AsyncDisposableStack()
  const network = stack.use(await openNetworkNamespaces(4))
  const processes = stack.use(await openPeerProcesses())
  for (const namespace of network.hosts) await processes.add({ namespace, environment: ENVIRONMENT })
  const clients = processes.peers.map(peer => openClient({ hosts: [peer.host], timeoutMs: 20_000 }))
  const [first, , third, fourth] = clients
  assert.ok(first && third && fourth)
  const seenBy = async (...counts: readonly number[]) =>
    eventually(
      `the peers see ${counts.join()}`,
      async () => (await Promise.all(clients.map(peersOf))).join() === counts.join(),
      60_000,
    )
  await seenBy(4, 4, 4, 4)
  await eventually(
    'pins are allocated',
    async () => {
      const cid = numberedCid(0).toString()
      return (await first.pin({ params: { hash: cid }, query: {} }, options())).allocations?.length === 2
    },
    60_000,
  )
  for (let number = 1; number < PINS; number++)
    await first.pin({ params: { hash: numberedCid(number).toString() }, query: {} }, options())
  await eventually('all have all', async () => (await allocations(fourth)).length === PINS, 30_000)
  const before = await allocations(first)

  await network.unplug(2)
  await network.unplug(3)
  await seenBy(2, 2, 1, 1)
  // Without a majority a peer takes three times as long until it finds others gone.
  await eventually(
    'the alert is raised',
    async () =>
      (await first.alerts({}, options())).some(({ message }) =>
        message?.startsWith('2 of 3 other peers are away'),
      ),
    60_000,
  )
  await systemClock.sleep(5000, signal)
  assert.deepEqual(await allocations(first), before)
  assert.deepEqual(await allocations(third), before)

  await network.plug(2)
  await seenBy(3, 3, 3, 1)
  const lost = processes.peers[3]?.id ?? ''
  await eventually(
    'nothing is allocated to the peer that is still away',
    async () => (await allocations(first)).every(line => !line.includes(lost)),
    60_000,
  )
  await network.plug(3)
  await seenBy(4, 4, 4, 4)
  await eventually(
    'all pinsets are equal',
    async () => (await allocations(fourth)).join() === (await allocations(first)).join(),
    60_000,
  )
  assert.ok(
    (await allocations(first)).every(line => !line.includes(lost)),
    'nothing moves back by itself',
  )
})
