import assert from 'node:assert/strict'
import test from 'node:test'
import { runFake } from '../../../test/support/fake-client.ts'
import type { AllocationExplanationJson } from '../../model/allocation-json.ts'

const CID = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'
const ANSWER: AllocationExplanationJson = {
  cid: CID,
  in_pinset: false,
  current: [],
  replication_factor_min: 1,
  replication_factor_max: 2,
  allocations: ['a'],
  error: '',
  peers: [
    {
      peer: 'a',
      peername: 'one',
      verdict: 'chosen',
      reason: 'comes first in the order',
      rank: 1,
      metrics: { freespace: '7', 'tag:zone': 'x' },
    },
    { peer: 'b', peername: '', verdict: 'refused', reason: 'is cordoned', metrics: {} },
  ],
}

test('an explanation tells people of every peer what the API tells programs', async () => {
  const { stdout, exitCode } = await runFake(['allocate', '--explain', CID], { explainAllocation: [ANSWER] })
  assert.equal(exitCode, 0)
  assert.match(stdout, /: not pinned; 1 to 2 copies wanted, on 1 peers\n/)
  assert.match(
    stdout,
    / > CHOSEN {2}one \(a\): comes first in the order \[1\]\n {6}freespace=7 tag:zone=x\n {2}> REFUSED b: is cordoned/,
  )
  const failed = { ...ANSWER, allocations: [], error: 'not enough peers' }
  const error = await runFake(['allocate', '--explain', CID], { explainAllocation: [failed] })
  assert.match(error.stdout, /copies wanted\n {2}ERROR: not enough peers\n/)
})

test('without --explain nothing is asked, and what is no tag is refused here', async () => {
  const unasked = { explainAllocation: [ANSWER] }
  for (const [args, message] of [
    [['allocate', CID], /give --explain/],
    [['allocate', '--explain'], /name the CID/],
    [['allocate', '--explain', '--require', 'eu', CID], /is no tag with a value, such as group=eu/],
    [['allocate', '--explain', '--distinct', 'zone=a', CID], /is no name of a tag/],
    [['pin', 'add', '--exclude', '=x', CID], /is no tag with a value/],
  ] as const) {
    const { stdout, stderr, exitCode } = await runFake([...args], unasked)
    assert.notEqual(exitCode, 0, args.join(' '))
    assert.match(stdout + stderr, message)
  }
})
