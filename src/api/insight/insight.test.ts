import assert from 'node:assert/strict'
import test from 'node:test'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { collect, openRestServer } from '../../../test/support/rest-server.ts'
import { ClusterError } from '../../errors.ts'
import type { Cluster } from '../../interfaces.ts'
import type { PinRange } from '../../model/pin-range.ts'
import type { PinStatusFilter } from '../../model/pin-status.ts'
import type { PinSummary } from '../../model/pin-summary.ts'
import type { RecoverFilter } from '../../model/recover-filter.ts'

const options = { signal: new AbortController().signal }
const cid = numberedCid(1)
const hash = cid.toString()

async function* many<T>(...items: readonly T[]): AsyncIterable<T> {
  yield* items
}

const counted: PinSummary = {
  pinsCount: 5,
  statuses: new Map([
    ['pinned', 3],
    ['pin_error', 2],
  ]),
  reasons: new Map([['TIMEOUT', 2]]),
  givenUpCount: 1,
  ipfsFailure: '',
}

test('a summary adds up what the peers count, and names the one that did not answer', async () => {
  await using server = await openRestServer({
    pinset: () => ({ pinsCount: 5 }) as ReturnType<Cluster['pinset']>,
    summaries: () =>
      many(
        { ...counted, peer: 'b', peername: 'two', error: '' },
        { ...counted, peer: 'a', peername: 'one', error: '' },
        { ...counted, peer: 'c', peername: '', statuses: new Map(), reasons: new Map(), error: 'away' },
      ),
  })
  const summary = await server.client().summary({}, options)
  assert.deepEqual([summary.pins, summary.statuses], [5, { pinned: 6, pin_error: 4 }])
  assert.deepEqual(summary.reasons, { TIMEOUT: 4 })
  assert.deepEqual(Object.keys(summary.peers), ['a', 'b', 'c'])
  assert.equal(summary.peers['c']?.error, 'away')
})

test('why says what each peer wants, has and tried, and what to do', async () => {
  const info = {
    cid,
    status: 'pin_error',
    timestampMs: 1_700_000_000_000,
    error: 'no block for 2m0s',
    attemptCount: 4,
    isPriority: false,
    reason: 'TIMEOUT',
    nextAttemptMs: 1_700_000_060_000,
    pin: undefined,
  } as const
  await using server = await openRestServer({
    why: async () => ({
      cid,
      pin: undefined,
      peers: new Map([
        ['a', { peername: 'one', why: { info, wants: 'recursive', has: 'nothing', ipfsFailure: '' } }],
        ['b', { peername: 'two', error: new ClusterError('PEER_UNREACHABLE', 'not reached') }],
      ]),
      noRoom: '',
    }),
  })
  const { peers } = await server.client().why({ params: { hash } }, options)
  const [one, two] = [peers['a'], peers['b']]
  assert.deepEqual([one?.wants, one?.has, one?.attempts, one?.reason], ['recursive', 'nothing', 4, 'TIMEOUT'])
  assert.equal(one?.next_attempt, '2023-11-14T22:14:20Z')
  assert.match(one?.advice ?? '', /--origins/)
  assert.deepEqual([two?.status, two?.reason], ['cluster_error', 'PEER_UNREACHABLE'])
})

test('a listing of states and trying again take ranges and filters, and refuse what they do not understand', async () => {
  const ranges: (PinRange | undefined)[] = []
  const filters: (RecoverFilter | undefined)[] = []
  const states: PinStatusFilter[] = []
  await using server = await openRestServer({
    statuses: (filter, { range }) => {
      states.push(filter)
      ranges.push(range)
      return many()
    },
    recoverAll: ({ filter }) => {
      filters.push(filter)
      return many()
    },
  })
  const client = server.client()
  const query = {
    filter: 'error',
    limit: '3',
    after: hash,
    'name-prefix': 'a',
    'meta-k': 'v',
    'older-than': '1h',
  }
  const beforeMs = Date.now() - 3_600_000
  await collect(client.statuses({ query }, options))
  assert.deepEqual(states, [new Set(['cluster_error', 'pin_error', 'unpin_error'])])
  const [range] = ranges
  assert.deepEqual([range?.limit, range?.after?.toString(), range?.namePrefix], [3, hash, 'a'])
  assert.deepEqual(range?.metadata, { k: 'v' })
  assert.ok(range?.writtenBeforeMs !== undefined && range.writtenBeforeMs >= beforeMs)
  await collect(client.recoverAll({ query: { reason: 'timeout,IPFS_REFUSED', limit: '5' } }, options))
  await collect(client.recoverAll({}, options))
  assert.deepEqual(filters, [{ limit: 5, reasons: new Set(['TIMEOUT', 'IPFS_REFUSED']) }, undefined])
  const refused = async (call: AsyncIterable<unknown>) =>
    assert.rejects(collect(call), { code: 'INVALID_ARGUMENT' })
  await refused(client.statuses({ query: { 'older-than': 'yesterday' } }, options))
  await refused(client.statuses({ query: { limit: '0' } }, options))
  await refused(client.recoverAll({ query: { reason: 'BAD_LUCK' } }, options))
})
