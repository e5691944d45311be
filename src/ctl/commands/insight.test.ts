import assert from 'node:assert/strict'
import test from 'node:test'
import { runFake } from '../../../test/support/fake-client.ts'
import { ClusterError } from '../../errors.ts'
import type { EventJson } from '../../model/event-json.ts'

const CID = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'
const counts = { statuses: { pinned: 4, pin_error: 2 }, reasons: { TIMEOUT: 2 }, given_up: 1 }
const SUMMARY = {
  pins: 3,
  ...counts,
  peers: {
    a: { peername: 'one', error: '', ipfs_error: 'down', pins: 3, ...counts },
    b: { peername: '', error: 'away', ipfs_error: '', pins: 0, statuses: {}, reasons: {}, given_up: 0 },
  },
}
const WHY = {
  cid: CID,
  in_pinset: true,
  no_room: '',
  name: 'site',
  allocations: ['a'],
  replication_factor_min: 1,
  replication_factor_max: 2,
  peers: {
    a: {
      peername: 'one',
      status: 'pin_error',
      wants: 'recursive',
      has: 'nothing',
      attempts: 3,
      error: 'no block for 2m0s',
      reason: 'TIMEOUT',
      given_up: false,
      ipfs_error: '',
      advice: 'Wait.',
      since: '2030-01-01T00:00:00Z',
      next_attempt: '2030-01-01T00:10:00Z',
    },
  },
}
const base = { time: '2030-01-01T00:00:00Z', teller: 'me' }
const EVENTS: readonly EventJson[] = [
  { ...base, id: 'x-1', kind: 'alive' },
  { ...base, id: 'x-2', kind: 'pin', change: 'set', cid: CID, name: 'site' },
  { ...base, id: 'x-3', kind: 'status', status: 'pin_error', cid: CID, error: 'no' },
  { ...base, id: 'x-4', kind: 'peer', change: 'left', peer: 'p', peername: 'two' },
]

test('summary and why tell people what the API tells programs', async () => {
  const summary = await runFake(['summary'], { summary: [SUMMARY] })
  assert.match(summary.stdout, /Pins: 3 \| States: pinned 4, pin_error 2\nFailures: TIMEOUT 2 \| Given up: 1/)
  assert.match(summary.stdout, /> one \| Pins: 3[^\n]*\n {4}Failures: TIMEOUT 2\n {4}IPFS ERROR: down/)
  assert.match(summary.stdout, /> b \| ERROR: away/)
  const why = await runFake(['why', CID], { why: [WHY] })
  assert.match(why.stdout, /site: in the pinset, to be kept on 1 peers \(1 to 2\)/)
  assert.match(
    why.stdout,
    /tried: 3 times, next at 2030-01-01T00:10:00Z\n {6}failed: no block for 2m0s \[TIMEOUT\]/,
  )
  assert.match(why.stdout, /to do: Wait\./)
  const last = { last_error: 'no block', last_reason: 'TIMEOUT', last_failed: '2030-01-01T00:00:00Z' }
  const retried = { ...WHY.peers.a, ...last, status: 'pinning', error: '', reason: '', blocks: 1204 }
  const again = await runFake(['why', CID], { why: [{ ...WHY, peers: { a: retried } }] })
  assert.match(again.stdout, /has: nothing, 1,204 blocks so far\n/)
  assert.match(again.stdout, /\n {6}failed last: no block \[TIMEOUT\] at 2030-01-01T00:00:00Z\n/)
  assert.notEqual((await runFake(['why'], {})).exitCode, 0)
})

test('watch prints events, connects again with its cursor, and gives up on what is refused', async () => {
  const broken = new ClusterError('PEER_UNREACHABLE', 'cut short')
  const refusal = new ClusterError('INVALID_ARGUMENT', 'no such kind', { details: { status: 400 } })
  const run = await runFake(['watch', '--kinds', 'pin,status,peer'], {
    events: [[...EVENTS, broken], [refusal]],
  })
  assert.equal(
    run.stdout.split('\n').slice(0, 3).join('\n'),
    [
      `2030-01-01T00:00:00Z pin    set      ${CID} | site`,
      `2030-01-01T00:00:00Z status PIN_ERROR ${CID}: no`,
      '2030-01-01T00:00:00Z peer   left     p | two',
    ].join('\n'),
  )
  assert.match(run.stderr, /connecting again: cut short/)
  assert.deepEqual(
    run.calls.map(({ input }) => input.query),
    [
      { kinds: 'pin,status,peer', cid: '', after: '' },
      { kinds: 'pin,status,peer', cid: '', after: 'x-4' },
    ],
  )
  assert.notEqual(run.exitCode, 0)
})

test('watch tells of each outage once, however often it tries to connect', async () => {
  const broken = new ClusterError('PEER_UNREACHABLE', 'cut short')
  const down = new ClusterError('PEER_UNREACHABLE', 'no daemon answers')
  const refusal = new ClusterError('INVALID_ARGUMENT', 'no such kind', { details: { status: 400 } })
  const run = await runFake(['watch'], {
    events: [[...EVENTS, broken], [down], [down], [...EVENTS, broken], [down], [refusal]],
  })
  const lines = run.stderr.split('\n').filter(line => line.includes('connecting again'))
  assert.deepEqual(
    lines.map(line => line.replace(/.*again: /, '')),
    ['cut short', 'cut short'],
  )
})

test('recover sends its filter, and only what is given', async () => {
  const run = await runFake(['recover', '--reason', 'TIMEOUT', '--filter', 'pin_error', '--limit', '5'], {
    recoverAll: [[]],
  })
  assert.deepEqual(run.calls[0]?.input.query, {
    local: 'false',
    filter: 'pin_error',
    reason: 'TIMEOUT',
    limit: '5',
  })
  assert.deepEqual((await runFake(['recover'], { recoverAll: [[]] })).calls[0]?.input.query, {
    local: 'false',
  })
})
