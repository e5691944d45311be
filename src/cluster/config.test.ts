import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Create } from 'typebox/value'
import { ANYWHERE } from '../model/placement.ts'
import { clusterSchema, toClusterConfig } from './config.ts'

const OTHERS = { allocateBy: ['freespace'], placement: ANYWHERE, connectSwarmsDelayMs: 30_000 }

test('an empty section gives a cluster that keeps everything everywhere', () => {
  const config = toClusterConfig(Create(clusterSchema), OTHERS)
  assert.deepEqual(config.replication, { min: -1, max: -1 })
  assert.equal(config.stateSyncIntervalMs, 300_000)
  assert.equal(config.allocateTo, 'any')
  assert.equal(config.isFollower, false)
  assert.notEqual(config.peername, '')
})

test('a replication of 0 in the file means the default', () => {
  const section = { ...Create(clusterSchema), replication_factor_min: 0, replication_factor_max: 0 }
  assert.deepEqual(toClusterConfig(section, OTHERS).replication, { min: -1, max: -1 })
})

test('pins may be held to trusted peers, or to the others', () => {
  const section = Create(clusterSchema)
  assert.equal(toClusterConfig({ ...section, pin_only_on_trusted_peers: true }, OTHERS).allocateTo, 'trusted')
  assert.equal(
    toClusterConfig({ ...section, pin_only_on_untrusted_peers: true }, OTHERS).allocateTo,
    'untrusted',
  )
})
