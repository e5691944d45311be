import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawBlock, sampleBytes } from '../../../../test/support/sample-dag.ts'
import { virtualClock } from '../../../../test/support/virtual-clock.ts'
import type { Cid } from '../../../model/cid.ts'
import { PeerLink } from './peer-link.ts'
import { Wants } from './wants.ts'

test('with one useful peer only that peer is asked for the block, and the others not at all', async () => {
  const { wants, peers, block } = await world(3)
  const [first] = peers
  first.link.score = 0.9
  const fetching = wants.fetch(block.cid, AbortSignal.timeout(1000))
  assert.deepEqual(
    peers.map(peer => peer.said()),
    [['block'], [], []],
  )
  wants.received(block.cid, block.bytes, first.link)
  assert.equal(await fetching, block.bytes)
})

test('when the first does not have it all are asked, and only one that has it for the block', async () => {
  const { wants, peers, block } = await world(3)
  const [first, second, third] = peers
  first.link.score = 0.9
  const fetching = wants.fetch(block.cid, AbortSignal.timeout(1000))
  wants.said(block.cid, false, first.link)
  wants.said(block.cid, true, second.link)
  wants.said(block.cid, true, third.link)
  assert.deepEqual(
    peers.map(peer => peer.said()),
    [['block'], ['have', 'block'], ['have']],
  )
  wants.received(block.cid, block.bytes, second.link)
  await fetching
  assert.deepEqual(
    peers.map(peer => peer.said().at(-1)),
    ['cancel', 'block', 'cancel'],
  )
})

test('a peer that does not answer is passed over after a second', async () => {
  const { wants, peers, block, clock } = await world(2)
  const [first, second] = peers
  first.link.score = 0.9
  const fetching = wants.fetch(block.cid, AbortSignal.timeout(1000))
  await clock.advance(1000)
  wants.said(block.cid, true, second.link)
  assert.deepEqual(second.said(), ['have', 'block'])
  wants.received(block.cid, block.bytes, second.link)
  await fetching
})

test('a peer that comes later is asked for what is still wanted', async () => {
  const { wants, peers, block, clock, unanswered } = await world(1)
  const [late] = peers
  wants.leave(late.link)
  const fetching = wants.fetch(block.cid, AbortSignal.timeout(1000))
  await clock.advance(1000)
  assert.deepEqual(unanswered, [block.cid])
  wants.join(late.link)
  wants.said(block.cid, true, late.link)
  assert.deepEqual(late.said(), ['have', 'block'])
  wants.received(block.cid, block.bytes, late.link)
  await fetching
})

test('a want that is given up is cancelled at those that were asked, and asked no more', async () => {
  const { wants, peers, block, clock } = await world(1)
  const [peer] = peers
  const stopping = new AbortController()
  const fetching = wants.fetch(block.cid, stopping.signal)
  stopping.abort(new Error('stopped'))
  await assert.rejects(fetching, /stopped/)
  await clock.advance(60_000)
  assert.deepEqual(peer.said(), ['block', 'cancel'])
  assert.equal(peer.link.asked, 0)
})

test('what stays unanswered is asked anew from time to time', async () => {
  const { wants, peers, block, clock } = await world(1)
  const [peer] = peers
  const stopping = new AbortController()
  const fetching = assert.rejects(wants.fetch(block.cid, stopping.signal))
  await clock.advance(32_000)
  assert.deepEqual(peer.said(), ['block', 'have', 'have', 'have'])
  stopping.abort()
  await fetching
  assert.equal(peer.link.asked, 0)
})

interface TestPeer {
  readonly link: PeerLink
  readonly said: () => readonly string[]
}

async function world(count: number) {
  const clock = virtualClock()
  const unanswered: Cid[] = []
  const wants = new Wants({ clock, onUnanswered: cid => unanswered.push(cid) })
  const peers = Array.from({ length: count }, () => testPeer())
  for (const { link } of peers) wants.join(link)
  const block = await rawBlock(sampleBytes(100, 'wanted'))
  return { clock, wants, block, unanswered, peers: peers as [TestPeer, TestPeer, TestPeer] }
}

/** A link that sends nothing and remembers what it was asked to say. */
function testPeer(): TestPeer {
  const said: string[] = []
  const link = new PeerLink({
    clock: virtualClock(),
    openStream: () => Promise.reject(new Error('not connected')),
    readBlock: () => Promise.resolve(undefined),
    onFailure: () => undefined,
  })
  link.want = (_, kind) => void said.push(kind ?? 'cancel')
  return { link, said: () => said }
}
