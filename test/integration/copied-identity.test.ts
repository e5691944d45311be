import assert from 'node:assert/strict'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { openClient } from '../../src/api/client.ts'
import { eventually } from '../support/eventually.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'

const QUICK = { environment: { CLUSTER_ALERTS_CHECKINTERVAL: '500ms' } }

async function alertsOf({ host }: PeerProcess): Promise<readonly string[]> {
  const client = openClient({ hosts: [host], timeoutMs: 5000 })
  const alerts = await client.alerts({}, { signal: AbortSignal.timeout(5000) })
  return alerts.filter(({ kind }) => kind === 'identity-copied').map(({ subject = '' }) => subject)
}

test('peers tell of two daemons with one identity, and restarts of one are not taken for that', async () => {
  await using cluster = await openPeerProcesses()
  const first = await cluster.add(QUICK)
  const original = await cluster.add(QUICK)
  const third = await cluster.add(QUICK)
  const copy = await cluster.add(QUICK)
  for (const end of ['stop', 'kill', 'stop'] as const) {
    await original[end]()
    await original.start()
  }
  await copy.stop()
  for (const peer of [first, third, original]) assert.deepEqual(await alertsOf(peer), [])
  await copyFile(join(original.folder, 'identity.json'), join(copy.folder, 'identity.json'))
  copy.launch()
  await eventually(
    'a peer tells of the copy',
    async () => {
      const told = await Promise.all([first, third].map(alertsOf))
      return told.some(subjects => subjects.includes(original.id))
    },
    60_000,
  )
  const tellers = [first, third].filter(peer => peer.log().includes('identity-copied'))
  for (const peer of tellers) assert.match(peer.log(), /two daemons run with the identity of peer1/)
})
