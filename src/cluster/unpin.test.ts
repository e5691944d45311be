import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { cidOf, openPeers } from '../../test/support/cluster-peers.ts'
import { cidKey } from '../model/cid.ts'
import { NO_OPTIONS, toPin } from '../model/pin.ts'

const signal = new AbortController().signal

test('unpinning answers with the pin as it was, and a second time not at all', async () => {
  await using peers = await openPeers(1)
  const { cluster } = peers.first
  const cid = await cidOf('a')
  await cluster.pin(cid, { ...NO_OPTIONS, name: 'a', signal })
  assert.equal((await cluster.unpin(cid, { signal })).name, 'a')
  const missing = { name: 'ClusterError', code: 'NOT_FOUND', message: 'pin is not part of the pinset' }
  await assert.rejects(cluster.unpin(cid, { signal }), missing)
  await assert.rejects(cluster.allocation(cid), missing)
})

async function node(links: readonly CID[]) {
  const bytes = dagCbor.encode(Object.fromEntries(links.map((link, at) => [String(at), link])))
  return { bytes, cid: CID.createV1(dagCbor.code, await sha256.digest(bytes)) }
}

test('a sharded root goes with its shards and its cluster DAG, which do not go alone', async () => {
  await using peers = await openPeers(1)
  const { cluster, blocks } = peers.first
  const [root, other] = [await cidOf('root'), await cidOf('other')]
  const shards = [
    await node([await cidOf('1')]),
    await node([await cidOf('2')]),
    await node([await cidOf('3')]),
  ]
  const [first, second, third] = shards.map(({ cid }) => cid)
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  const between = await node([second, third])
  const dag = await node([first, between.cid])
  for (const block of [...shards, between, dag]) blocks.set(cidKey(block.cid), block)
  await peers.consensus.put(
    [
      toPin(root, { type: 'meta-pin', reference: dag.cid }),
      toPin(dag.cid, { type: 'clusterdag-pin', reference: root }),
      ...shards.map(({ cid }) => toPin(cid, { type: 'shard-pin' })),
      toPin(other),
    ],
    { signal },
  )
  await assert.rejects(cluster.unpin(first, { signal }), {
    message: 'cannot unpin a shard directly. Unpin content root CID instead',
  })
  await assert.rejects(cluster.unpin(dag.cid, { signal }), {
    message: 'cannot unpin a Cluster DAG directly. Unpin content root CID instead',
  })
  peers.first.ipfs = 'down'
  await assert.rejects(cluster.unpin(root, { signal }), { code: 'IPFS_UNAVAILABLE' })
  assert.equal(peers.consensus.pinsCount, 6)
  peers.first.ipfs = 'up'
  await cluster.unpin(root, { signal })
  assert.equal(peers.consensus.pinsCount, 1)
})
