import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, openPeers } from '../../test/support/cluster-peers.ts'
import { createIdentity } from '../model/identity.ts'

const options = { signal: new AbortController().signal }

test('a change of trust counts at once, and the others are told by a heartbeat', async () => {
  await using peers = await openPeers(2)
  const { cluster, id } = peers.first
  const stranger = createIdentity().id
  await cluster.setTrusted(stranger, false, options)
  assert.equal(peers.consensus.isTrusted(stranger), false)
  assert.deepEqual(cluster.trust().changed, new Map([[stranger, false]]))
  assert.deepEqual(peers.beats, [id])
  await cluster.setTrusted(stranger, true, options)
  assert.equal(peers.consensus.isTrusted(stranger), true)
  assert.deepEqual(peers.beats, [id, id])
})

test('no peer says of itself whether it is to be trusted, and one that is not trusted says nothing of others', async () => {
  await using peers = await openPeers(2)
  const { cluster, id } = peers.first
  for (const isTrusted of [true, false])
    await assert.rejects(cluster.setTrusted(id, isTrusted, options), { code: 'REFUSED' })
  await assert.rejects(cluster.setTrusted('nobody', true, options), { code: 'INVALID_ARGUMENT' })
  peers.consensus.isSelfTrusted = false
  await assert.rejects(cluster.setTrusted(createIdentity().id, false, options), {
    code: 'REFUSED',
    message: /ask another peer/,
  })
  assert.deepEqual(peers.beats, [])
  assert.equal(cluster.trust().changed.size, 0)
})

test('a peer that only follows changes no trust', async () => {
  await using peers = await openPeers(2, { isFollower: true })
  const changed = peers.first.cluster.setTrusted(createIdentity().id, false, options)
  await assert.rejects(changed, { code: 'READ_ONLY' })
})

test('every peer tells how its pinset is; one that fails comes last with its error', async () => {
  await using peers = await openPeers(3)
  const [first, second, third] = peers.peers
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  peers.consensus.readOnly = 'the disk is full'
  second.answers = 'unreachable'
  const own = first.cluster.pinset()
  assert.deepEqual(own, {
    peer: first.id,
    peername: 'peer0',
    pinsCount: 0,
    rootDigest: '',
    behindCount: 0,
    readOnly: 'the disk is full',
    isSelfTrusted: true,
    error: '',
  })
  const pinsets = await collect(first.cluster.pinsets(options))
  const answered = new Map(pinsets.slice(0, 2).map(pinset => [pinset.peer, pinset]))
  assert.deepEqual(answered.get(first.id), own)
  assert.deepEqual(answered.get(third.id), { ...own, peer: third.id, peername: 'peer2' })
  assert.deepEqual([pinsets[2]?.peer, pinsets[2]?.peername], [second.id, 'peer1'])
  assert.match(pinsets[2]?.error ?? '', /not reached/)
})

test('a peer whose disk takes no writes says so where it says who it is, to itself and to others', async () => {
  await using peers = await openPeers(2)
  const errors = async () => (await collect(peers.first.cluster.peers(options))).map(({ error }) => error)
  assert.deepEqual(await errors(), ['', ''])
  peers.consensus.readOnly = 'no space left on device'
  const told = 'read-only: no space left on device'
  assert.deepEqual(await errors(), [told, told])
  const { error, peername } = await peers.first.cluster.id(options)
  assert.deepEqual([error, peername], [told, 'peer0'])
})
