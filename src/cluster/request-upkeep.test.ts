import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf, openPeers } from '../../test/support/cluster-peers.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { ClusterError } from '../errors.ts'
import { toPin } from '../model/pin.ts'
import { requestCid } from '../model/pin-request.ts'
import { openUpkeep, type UpkeepComponents } from './request-upkeep.ts'

const signal = new AbortController().signal

test('content that could not be let go of with its last request is let go of later', async () => {
  await using peers = await openPeers(1)
  const { consensus, clock } = peers
  const [peer] = peers.peers
  assert.ok(peer !== undefined)
  const tries: boolean[] = []
  const check: UpkeepComponents['check'] = async (_content, mayRelease) => {
    tries.push(mayRelease)
    if (tries.length <= 2) throw new ClusterError('STORE_FAILED', 'the disk is full')
    return 'released'
  }
  const content = await cidOf('asked for')
  const request = requestCid(content, 1, new Uint8Array(6))
  await consensus.put([toPin(content), toPin(request, { type: 'request', reference: content })], { signal })
  const ignored = () => ({ [Symbol.dispose]: () => undefined })
  const monitor: UpkeepComponents['monitor'] = {
    peers: () => [peer.id],
    hello: () => undefined,
    latest: () => [],
    onHealth: ignored,
    onMetric: ignored,
    health: () => [],
    metricNames: () => [],
    expect: () => undefined,
    beat: async () => undefined,
  }
  const parts = { clock, consensus, logger: silentLogger(), monitor, self: peer.id, check }
  await using _upkeep = openUpkeep(parts, { isFollower: false, stateSyncIntervalMs: 3_600_000 })
  await consensus.remove([request], { signal })
  await clock.advance(60_000)
  assert.deepEqual(tries, [true, true, true])
})
