import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPeers } from '../../test/support/cluster-peers.ts'

const signal = AbortSignal.timeout(10_000)

test('the size of all IPFS nodes is the sum of those that answer', async () => {
  await using peers = await openPeers(4)
  const { cluster } = peers.first
  assert.deepEqual(await cluster.repoStat({ signal }), { sizeBytes: 46, storageMaxBytes: 4000 })
  const [, second, third, fourth] = peers.peers
  assert.ok(second && third && fourth)
  second.ipfs = 'down'
  third.answers = 'unreachable'
  fourth.answers = 'forbidden'
  assert.deepEqual(await cluster.repoStat({ signal }), { sizeBytes: 10, storageMaxBytes: 1000 })
})
