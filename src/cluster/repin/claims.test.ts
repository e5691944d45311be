import assert from 'node:assert/strict'
import test from 'node:test'
import { fakeConsensus } from '../../../test/support/fake-consensus.ts'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { metricOf } from '../../../test/support/repin-metrics.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { virtualClock } from '../../../test/support/virtual-clock.ts'
import { ClusterError } from '../../errors.ts'
import { type Cid, cidKey } from '../../model/cid.ts'
import { NO_ROOM_MAX, NO_ROOM_METRIC } from '../../model/no-room.ts'
import { toPin } from '../../model/pin.ts'
import { Claims } from './claims.ts'

const { signal } = new AbortController()
const options = { signal }

function listen() {
  const clock = virtualClock()
  const consensus = fakeConsensus()
  const said = new Map<string, readonly Cid[]>()
  const counts = new Map<string, number>()
  const asked: string[] = []
  const noted: string[] = []
  const claims = new Claims({
    clock,
    consensus,
    logger: silentLogger(),
    monitor: {
      peers: () => [...counts.keys()],
      latest: () => [...counts].map(([peer, count]) => metricOf(peer, NO_ROOM_METRIC, count, clock)),
    },
    isOfConcern: () => true,
    isMember: peer => peer !== 'stranger',
    onSaid: (cid, peer) => void noted.push(`${peer} ${cidKey(cid)}`),
    askNoRoom: async (peer, after) => {
      asked.push(peer)
      const all = said.get(peer)
      if (all === undefined) throw new ClusterError('PEER_UNREACHABLE', 'it does not answer')
      const from = after === undefined ? 0 : all.findIndex(cid => cid.equals(after)) + 1
      return all.slice(from, from + NO_ROOM_MAX)
    },
  })
  const pinOn = async (number: number, ...allocations: readonly string[]) => {
    await consensus.put([toPin(numberedCid(number), { allocations })], options)
    return numberedCid(number)
  }
  return { clock, consensus, said, counts, asked, noted, claims, pinOn }
}

test('only peers that tell of something are asked, and what they name counts where it is allocated to them', async () => {
  const { claims, counts, said, asked, pinOn } = listen()
  counts.set('a', 0).set('b', 2).set('stranger', 9)
  said.set('stranger', [await pinOn(5, 'stranger')])
  said.set('b', [await pinOn(1, 'a', 'b'), await pinOn(2, 'a'), await pinOn(3), numberedCid(4)])
  const found = await claims.look(options)
  assert.deepEqual(
    found.map(({ peer, cid }) => [peer, cid.equals(numberedCid(1))]),
    [['b', true]],
  )
  assert.deepEqual(asked, ['b'])
})

test('a peer that does not answer costs nothing but the question, and holds up nobody', async () => {
  const { claims, counts, said, pinOn } = listen()
  counts.set('a', 1).set('b', 1)
  said.set('b', [await pinOn(1, 'b')])
  assert.equal((await claims.look(options)).length, 1)
})

test('long lists are read a page at a time, and a peer that names ever more is not remembered without end', async () => {
  const { claims, counts, said, consensus } = listen()
  const cids = Array.from({ length: 6200 }, (_, number) => numberedCid(number))
  await consensus.put(
    cids.map(cid => toPin(cid, { allocations: ['liar'] })),
    options,
  )
  counts.set('liar', 1)
  said.set('liar', cids)
  for (let look = 0; look < 12; look++) assert.ok((await claims.look(options)).length <= NO_ROOM_MAX)
  assert.equal([...claims.all()].length, 5000)
})

test('what is stuck is tried again after a while, at once when others may be able to, and forgotten when it is not said again', async () => {
  const { claims, clock, counts, said, pinOn } = listen()
  counts.set('a', 1)
  said.set('a', [await pinOn(1, 'a')])
  const [claim] = await claims.look(options)
  assert.ok(claim !== undefined)
  claims.failed(claim, 'nobody can take it')
  assert.equal((await claims.look(options)).length, 0)
  assert.deepEqual(
    [...claims.all()].map(({ stuck }) => stuck),
    ['nobody can take it'],
  )
  await clock.advance(15_000)
  assert.equal((await claims.look(options)).length, 1)
  claims.failed(claim, 'nobody can take it')
  claims.retry()
  assert.equal((await claims.look(options)).length, 1)
  said.set('a', [])
  await clock.advance(5000)
  await claims.look(options)
  assert.equal([...claims.all()].length, 0)
})

test('what a peer said that falls silent, or has room again, is forgotten', async () => {
  const { claims, clock, counts, said, pinOn } = listen()
  counts.set('a', 1)
  said.set('a', [await pinOn(1, 'a')])
  await claims.look(options)
  counts.set('a', 0)
  await clock.advance(50_000)
  await claims.look(options)
  assert.equal([...claims.all()].length, 1)
  await clock.advance(20_000)
  await claims.look(options)
  assert.equal([...claims.all()].length, 0)
})
