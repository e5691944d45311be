import assert from 'node:assert/strict'
import test from 'node:test'
import { runFake } from '../../../test/support/fake-client.ts'
import { ClusterError } from '../../errors.ts'
import { createIdentity } from '../../model/identity.ts'

const PEER = createIdentity().id
const state = {
  peer: PEER,
  peername: 'p',
  condition: 'alive',
  phi: 0.5,
  cordoned: true,
  draining: false,
  removed: false,
  maintenance_until: '2030-01-01T02:00:00Z',
  heard_at: '2030-01-01T00:00:00Z',
  since: '2030-01-01T00:00:00Z',
  trusted: true,
}
const content = {
  ...state,
  allocated: 5,
  everywhere: 2,
  hand_over: 3,
  unplaced: 0,
  unplaced_first: [],
  no_room: [],
  empty: false,
}
const status = {
  peer: PEER,
  state: 'moving',
  copies_planned: 10,
  copies_moved: 3,
  pins_moved: 3,
  refused: 0,
  pins_per_second: 20,
  started_at: 't',
  ended_at: '0001-01-01T00:00:00Z',
  reason: '',
}
const LINE = `${PEER} | p | alive (phi 0.5) | Heard: 2030-01-01T00:00:00Z | CORDONED | MAINTENANCE until 2030-01-01T02:00:00Z\n`

test('what is said of a peer is asked once and shown', async () => {
  const uses = [
    [['peers', 'cordon', PEER], 'cordonPeer', {}],
    [['peers', 'uncordon', PEER], 'uncordonPeer', {}],
    [['peers', 'maintenance', '--for', '2h', PEER], 'maintainPeer', { query: { for: '2h' } }],
    [['peers', 'maintenance', '--end', PEER], 'endMaintenance', {}],
  ] as const
  for (const [line, call, more] of uses) {
    const run = await runFake(line, { [call]: [state] })
    assert.equal(run.exitCode, 0, run.stderr)
    assert.deepEqual(run.calls, [{ name: call, input: { params: { peer: PEER }, ...more } }])
    assert.equal(run.stdout, LINE)
  }
  const all = await runFake(['health', 'peers'], {
    knownPeers: [[state, { ...state, removed: true, trusted: false }]],
  })
  assert.equal(
    all.stdout,
    LINE + LINE.replace('| CORD', '| REMOVED | CORD').replace('\n', ' | not trusted\n'),
  )
})

test('bad arguments are told before anything is asked', async () => {
  const lines = [
    ['peers', 'drain', ''],
    ['peers', 'drain', PEER, PEER],
    ['peers', 'rm', '--force', PEER, 'another'],
    ['peers', 'maintenance', PEER],
    ['peers', 'maintenance', '--for', '1h', '--end', PEER],
    ['rebalance', '--plan', '--apply'],
    ['health', 'replication', '--after', 'x'],
    ['peers', 'drain', '--wait-timeout', 'soon', PEER],
  ]
  for (const line of lines) {
    const run = await runFake(line, {})
    assert.equal(run.exitCode, 1, line.join(' '))
    assert.deepEqual(run.calls, [])
  }
})

test('a peer may be named, as long as only one has the name', async () => {
  const other = { ...state, peer: '12D3KooWNVGXbmDkXtBqg9oeJS51KwwYvoo3DRzjMjxQ2AeA5jbR', condition: 'gone' }
  const named = await runFake(['peers', 'cordon', 'p'], { knownPeers: [[state]], cordonPeer: [state] })
  assert.equal(named.exitCode, 0, named.stderr)
  assert.deepEqual(named.calls.at(-1), { name: 'cordonPeer', input: { params: { peer: PEER } } })
  for (const command of [['cordon'], ['uncordon'], ['drain'], ['rm'], ['maintenance', '--end']]) {
    const twice = await runFake(['peers', ...command, 'p'], { knownPeers: [[state, other]] })
    assert.equal(twice.exitCode, 1)
    assert.match(twice.stderr, /"p" is the name of 2 peers: give the id of one/)
    assert.ok(
      twice.stderr.includes(`${PEER} | p | alive`) && twice.stderr.includes(`${other.peer} | p | gone`),
    )
    const unknown = await runFake(['peers', ...command, 'nobody'], { knownPeers: [[state]] })
    assert.equal(unknown.exitCode, 1)
    assert.match(unknown.stderr, /"nobody" is neither a peer id nor the name of a known peer/)
    assert.ok(unknown.stderr.includes(`${PEER} | p | alive`))
    assert.deepEqual(
      unknown.calls.map(({ name }) => name),
      ['knownPeers'],
    )
  }
})

test('a drain without --wait tells how it begins; with it, how far it is until the peer is empty', async () => {
  const begun = await runFake(['peers', 'drain', PEER], { drainPeer: [content] })
  assert.equal(
    begun.stdout,
    'p | Allocated: 5 | Held for hand-over: 3 | On every peer: 2 | CORDONED | MAINTENANCE until 2030-01-01T02:00:00Z\n',
  )
  const empty = { ...content, allocated: 0, hand_over: 0, everywhere: 0, maintenance_until: '', empty: true }
  const waited = await runFake(['peers', 'drain', '--wait', PEER], {
    drainPeer: [content],
    peerContent: [content, { ...content, allocated: 1 }, { ...content, allocated: 1 }, empty],
  })
  assert.equal(waited.exitCode, 0)
  assert.equal(
    waited.stderr,
    'p | Allocated: 5 | Held for hand-over: 3\np | Allocated: 1 | Held for hand-over: 3\n',
  )
  assert.match(waited.stdout, /^p \| Allocated: 0 .*CORDONED\n  > It is empty: it can be switched off.\n$/)
  assert.ok(waited.elapsedMs >= 6000)
})

test('a drain that does not move is asked why; what others cannot take is not waited for', async () => {
  const left = { ...content, hand_over: 0 }
  const stuck = { ...left, unplaced: 5, unplaced_first: [{ cid: 'c', reason: 'not enough peers' }] }
  const stalled = await runFake(['peers', 'drain', '--wait', PEER], {
    drainPeer: [content],
    peerContent: [...Array.from({ length: 15 }, () => left), stuck],
  })
  assert.equal(stalled.exitCode, 1)
  assert.match(stalled.stderr, /the 5 pins that are left .* The first: c: not enough peers/)
  assert.ok(stalled.elapsedMs >= 30_000)
  assert.equal(stalled.calls.at(-1)?.input.query?.['check'], 'true')
  const forced = await runFake(['peers', 'drain', '--wait', '--force', PEER], {
    drainPeer: [stuck],
    peerContent: [left, stuck],
  })
  assert.equal(forced.exitCode, 1)
  assert.ok(forced.elapsedMs < 10_000)
  const late = await runFake(['peers', 'drain', '--wait', '--wait-timeout', '5s', PEER], {
    drainPeer: [content],
    peerContent: [content],
  })
  assert.equal(late.exitCode, 62)
})

test('a drain whose content does not arrive anywhere says once where to look, until it moves again', async () => {
  const held = { ...content, allocated: 0, hand_over: 3 }
  const run = await runFake(['peers', 'drain', '--wait', PEER], {
    drainPeer: [held],
    peerContent: [
      ...Array.from({ length: 40 }, () => held),
      { ...held, hand_over: 1 },
      { ...held, hand_over: 0, empty: true },
    ],
  })
  assert.equal(run.exitCode, 0)
  const lines = run.stderr.split('\n').filter(line => line.includes('hand-over'))
  assert.deepEqual(lines, [
    'p | Allocated: 0 | Held for hand-over: 3',
    'p | Allocated: 0 | Held for hand-over: 3 | Others cannot get it: see "health alerts", "summary" and "status --filter error"',
    'p | Allocated: 0 | Held for hand-over: 1',
  ])
})

test('removing asks once, forced only when that is said', async () => {
  const plain = await runFake(['peers', 'rm', PEER], { removePeer: [undefined] })
  assert.deepEqual([plain.exitCode, plain.stdout], [0, ''])
  assert.deepEqual(plain.calls[0]?.input, { params: { peer: PEER } })
  const forced = await runFake(['peers', 'rm', '--force', PEER], { removePeer: [undefined] })
  assert.deepEqual(forced.calls[0]?.input.query, { force: 'true' })
  const refused = await runFake(['peers', 'rm', PEER], {
    removePeer: [new ClusterError('REFUSED', 'it is alive', { details: { status: 500 } })],
  })
  assert.equal(refused.exitCode, 2)
})

test('a plan of a rebalance is shown with what moves, about how many bytes, and what cannot', async () => {
  const plan = {
    pins: 2,
    copies: 3,
    bytes_about: 3_000_000,
    spread_before: 1,
    spread_after: 0.004,
    refused: 1,
    peers: [
      {
        peer: 'x',
        peername: 'a',
        pins_before: 9,
        pins_after: 6,
        pins_in: 0,
        pins_out: 3,
        bytes_in_about: 0,
        bytes_out_about: 3e6,
      },
      {
        peer: 'y',
        peername: '',
        pins_before: 0,
        pins_after: 3,
        pins_in: 3,
        pins_out: 0,
        bytes_in_about: null,
        bytes_out_about: 0,
      },
    ],
  }
  for (const line of [['rebalance'], ['rebalance', '--plan']]) {
    const run = await runFake(line, { rebalancePlan: [plan] })
    assert.equal(
      run.stdout,
      'Pins to move: 2 (3 copies, about 3.0 MB) | Spread: 100.0 % now, 0.4 % then | Refused by policies: 1\n' +
        '  > a                    : 9 -> 6 pins | out 3, about 3.0 MB\n' +
        '  > y                    : 0 -> 3 pins | in 3, unknown size\n',
    )
  }
})

test('a rebalance is begun at a rate, looked at, waited for and stopped', async () => {
  const shown = `${PEER} | MOVING | Moved: 3 of 10 copies | 20 pins/s\n`
  const begun = await runFake(['rebalance', '--apply', '--rate', '50'], { startRebalance: [status] })
  assert.equal(begun.stdout, shown)
  assert.deepEqual(begun.calls[0]?.input.query, { rate: '50' })
  const done = { ...status, state: 'done', copies_moved: 10 }
  const waited = await runFake(['rebalance', '--apply', '--wait'], {
    startRebalance: [status],
    rebalances: [[status], [{ ...done, peer: 'another' }, done]],
  })
  assert.equal(waited.stdout, shown.replace('MOVING', 'DONE').replace('3 of', '10 of'))
  const failed = await runFake(['rebalance', '--apply', '--wait'], {
    startRebalance: [status],
    rebalances: [[{ ...status, state: 'failed', reason: 'a peer is gone' }]],
  })
  assert.equal(failed.exitCode, 1)
  assert.match(failed.stderr, /it failed: a peer is gone/)
  const lost = await runFake(['rebalance', '--apply', '--wait'], {
    startRebalance: [status],
    rebalances: [[]],
  })
  assert.equal(lost.exitCode, 1)
  const looked = await runFake(['rebalance', '--status'], { rebalances: [[status]] })
  assert.equal(looked.stdout, shown)
  const none = await runFake(['rebalance', '--status'], { rebalances: [[]] })
  assert.match(none.stderr, /no peer spreads pins/)
  const stopped = await runFake(['rebalance', '--stop'], {
    stopRebalance: [[{ ...status, state: 'stopped', reason: 'stopped by an operator' }]],
  })
  assert.match(stopped.stdout, /STOPPED .*stopped by an operator/)
})

test('copies are told for all, for each peer and for the CIDs that were looked for', async () => {
  const report = {
    checked: false,
    pins: 10,
    none: 1,
    under: 2,
    partial: 3,
    full: 4,
    held: 0,
    peers: [
      { peer: 'x', peername: 'a', live: true, allocated: 9, sole: 2 },
      { peer: 'y', peername: '', live: false, allocated: 1, sole: 0 },
    ],
    cids: [
      {
        cid: 'c',
        name: 'n',
        state: 'none',
        copies: 0,
        held: 0,
        wanted_min: 2,
        wanted_max: 3,
        allocations: ['y'],
      },
    ],
  }
  const run = await runFake(['health', 'replication', '--limit', '5'], { replication: [report] })
  assert.deepEqual(run.calls[0]?.input.query, { checked: 'false', states: 'none,under', limit: '5' })
  assert.equal(
    run.stdout,
    'Pins: 10 | no copy: 1 | under the minimum: 2 | under the maximum: 3 | all: 4 (copies allocated to live peers)\n' +
      '  > a                    : Allocated: 9 | the only live copy of: 2\n' +
      '  > y                    : NOT LIVE | Allocated: 1\n' +
      'c | n | NONE | Copies: 0 of 2--3 | Allocations: [y]\n',
  )
})
