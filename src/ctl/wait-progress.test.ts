import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GlobalPinInfoJson } from '../model/status-json.ts'
import { formatWait, formatWaitLine } from './wait-progress.ts'

const awaited = { cid: 'c', target: 'pinned', limit: 0, timeoutMs: 0 } as const

function stateOf(...peers: (readonly [string, string, number?])[]): GlobalPinInfoJson {
  const entries = peers.map(([peername, status, blocks]) => [
    peername,
    { peername, status, ...(blocks === undefined ? {} : { blocks }) },
  ])
  // Only what is shown is there.
  return { cid: 'c', peer_map: Object.fromEntries(entries) } as unknown as GlobalPinInfoJson
}

test('it tells who is there, and what the others are doing', () => {
  const state = stateOf(['peer1', 'pinned'], ['peer2', 'pinned'], ['peer3', 'pinning', 1204])
  assert.equal(formatWait(state, awaited), '2 of 3 peers: pinned peer1, peer2; peer3 pinning 1,204 blocks')
  assert.equal(
    formatWait(state, { ...awaited, limit: 2 }),
    '2 of 2 peers: pinned peer1, peer2; peer3 pinning 1,204 blocks',
  )
  assert.equal(formatWait(stateOf(['a', 'remote'], ['b', 'pinning']), awaited), '0 of 1 peers: b pinning')
  assert.equal(formatWait(stateOf(), awaited), '0 of 0 peers')
})

test('many peers that do the same are counted', () => {
  const many = (status: string) => Array.from({ length: 6 }, (_, i) => [`${status}${i}`, status] as const)
  assert.equal(
    formatWait(stateOf(...many('pinned'), ...many('pin_queued')), awaited),
    '6 of 12 peers: pinned pinned0, pinned1, pinned2, pinned3 and 2 more; 6 peers pin_queued',
  )
})

test('a line has no more characters than there are columns', () => {
  const state = stateOf(['peer1', 'pinned'], ['peer2', 'pinning'])
  assert.equal(formatWaitLine(state, awaited, 24, 65_400), '1m5s  1 of 2 peers: pin…')
  for (let max = 0; max < 60; max++)
    assert.ok(formatWaitLine(state, awaited, max, 1).length <= Math.max(max, 1))
})
