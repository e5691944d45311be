// A client that others wrote for the reference, against a real peer.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Cluster } from '@nftstorage/ipfs-cluster'
import { eventually } from '../support/eventually.ts'
import { openPeerProcesses, type PeerProcess, type PeerProcesses } from '../support/peer-processes.ts'

let processes: PeerProcesses
let peer: PeerProcess
let cluster: Cluster

before(async () => {
  processes = await openPeerProcesses()
  peer = await processes.add()
  cluster = new Cluster(peer.url)
})
after(() => processes[Symbol.asyncDispose]())

const isPinned = async (cid: string) =>
  Object.values((await cluster.status(cid)).peerMap).every(({ status }) => status === 'pinned')

test('it sees the peer', async () => {
  assert.equal((await cluster.info()).id, peer.id)
  assert.match(await cluster.version(), /^\d+\.\d+\.\d+/)
  assert.deepEqual(
    (await cluster.peerList()).map(({ id }) => id),
    [peer.id],
  )
  await eventually('metrics are there', async () => (await cluster.metricNames()).includes('ping'))
})

test('it adds a file and a directory, pins by path and unpins', async () => {
  const file = await cluster.add(new File(['hello'], 'hello.txt'), { name: 'greeting', metadata: { a: 'b' } })
  assert.equal(file.cid, 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq')
  await eventually('the file is pinned', () => isPinned(file.cid))
  const allocation = await cluster.allocation(file.cid)
  assert.equal(allocation.name, 'greeting')
  assert.deepEqual(allocation.metadata, { a: 'b' })
  const folder = await cluster.addDirectory([new File(['1'], 'one.txt'), new File(['2'], 'two.txt')])
  assert.deepEqual(
    folder.map(({ name }) => name),
    ['one.txt', 'two.txt', ''],
  )
  await eventually('the listing has both', async () => (await cluster.statusAll()).length === 2)
  const pinnedAll = await cluster.statusAll({ filter: ['pinned'], local: true })
  assert.ok(pinnedAll.some(({ cid }) => cid === file.cid))
  const pinned = await cluster.pin(`/ipfs/${folder.at(-1)?.cid ?? ''}/one.txt`, {
    name: 'one',
    replicationFactorMin: 1,
    replicationFactorMax: 1,
    expireAt: new Date(Date.now() + 3_600_000),
  })
  assert.equal(pinned.name, 'one')
  assert.ok((await cluster.recover(pinned.cid)).cid === pinned.cid)
  assert.equal((await cluster.unpin(pinned.cid)).cid, pinned.cid)
  await assert.rejects(cluster.allocation(pinned.cid), /404/)
})
