import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { ClusterError } from '../errors.ts'
import { cidKey } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import { toPin } from '../model/pin.ts'
import { Keepers } from './keepers.ts'

const { signal } = new AbortController()

test('a peer that was silent is left alone for a while; of the last thousand that is remembered, and no more', async () => {
  const asked: PeerId[] = []
  const askHolds = async (peer: PeerId) => {
    asked.push(peer)
    throw new ClusterError('PEER_UNREACHABLE', 'it is gone for good')
  }
  const keepers = new Keepers({ askHolds, self: 'self', clock: virtualClock(), logger: silentLogger() })
  const ask = async (peers: readonly PeerId[]) => {
    asked.length = 0
    const cid = numberedCid(0)
    const pin = toPin(cid, { replicationMin: 1, replicationMax: 1, allocations: peers })
    assert.deepEqual((await keepers.ask([{ name: cidKey(cid), cid, pin }], signal)).kept, [])
    return asked.length
  }
  const peers = Array.from({ length: 1500 }, (_, at) => `peer ${at}`)
  assert.equal(await ask(peers), 1500)
  assert.equal(await ask(peers.slice(500)), 0)
  assert.equal(await ask(peers.slice(0, 500)), 500)
})
