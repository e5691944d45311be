import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askCare, echoCare } from '../../../test/support/echo-care.ts'
import { openRestServer } from '../../../test/support/rest-server.ts'
import { ClusterError } from '../../errors.ts'
import { createIdentity } from '../../model/identity.ts'

const options = { signal: AbortSignal.timeout(60_000) }
const peer = createIdentity().id

test('what operators do about peers reaches the cluster, and its answers come back', async () => {
  const asked: (readonly unknown[])[] = []
  await using server = await openRestServer(echoCare(peer, asked))
  const beforeMs = Date.now()
  const answers = await askCare(server.client(), peer, options)
  const [until] = asked.flatMap(([name, , change]) => {
    const ms = name === 'say' ? (change as { maintenanceUntilMs?: number }).maintenanceUntilMs : undefined
    return ms === undefined ? [] : [ms]
  })
  assert.ok(until !== undefined && until % 1000 === 0)
  assert.ok(until >= beforeMs + 7_200_000 && until <= Date.now() + 7_201_000)
  assert.deepEqual(asked, [
    ['remove', peer, true],
    ['content', peer, true],
    ['say', peer, { isCordoned: true }],
    ['say', peer, { isCordoned: false, isDraining: false, isRemoved: false }],
    ['drain', peer, true],
    ['say', peer, { maintenanceUntilMs: until }],
    ['say', peer, { maintenanceUntilMs: undefined }],
    ['start', 2.5],
    ['replication', { isChecked: true, states: new Set(['none', 'under']), limit: 5, after: undefined }],
  ])
  assert.equal(answers.cordonPeer.cordoned, true)
  assert.equal(answers.cordonPeer.phi, 3.46)
  assert.equal(answers.knownPeers[0]?.removed, true)
  assert.deepEqual([answers.drainPeer.draining, answers.drainPeer.hand_over], [true, null])
  assert.equal(answers.maintainPeer.maintenance_until, new Date(until).toISOString().replace('.000Z', 'Z'))
  assert.equal(answers.rebalancePlan.spread_after, 0.0123)
  assert.equal(answers.startRebalance.pins_per_second, 2.5)
  assert.equal(answers.stopRebalance[0]?.state, 'stopped')
})

test('bad input is refused with what is wrong, and nothing is asked', async () => {
  const asked: unknown[] = []
  await using server = await openRestServer(echoCare(peer, asked))
  const url = `http://127.0.0.1:${server.port}`
  const bad = [
    ['POST', `/peers/${peer}/maintenance`, /invalid duration/],
    ['POST', `/peers/${peer}/maintenance?for=soon`, /invalid duration/],
    ['POST', '/peers/nobody/drain', /Peer ID/],
    ['DELETE', '/peers/nobody', /Peer ID/],
    ['POST', '/rebalance?rate=NaN', /rate/],
    ['POST', '/rebalance?rate=-1', /rate/],
    ['POST', '/rebalance?rate=1e400', /rate/],
    ['GET', '/health/replication?limit=1001', /limit/],
    ['GET', '/health/replication?limit=0.5', /limit/],
    ['GET', '/health/replication?limit=-1', /limit/],
    ['GET', '/health/replication?states=bad', /states/],
    ['GET', '/health/replication?after=x', /Cid/],
  ] as const
  for (const [method, path, pattern] of bad) {
    const answer = await fetch(url + path, { method })
    assert.equal(answer.status, 400, path)
    assert.match(await answer.text(), pattern, path)
  }
  assert.deepEqual(asked, [])
})

test('a peer is removed without a document, and a refusal of that comes back as a server error like the reference', async () => {
  const echo = echoCare(peer)
  const refusal = new ClusterError('REFUSED', 'it is alive')
  await using server = await openRestServer(echo)
  await using refusing = await openRestServer({
    ...echo,
    care: { ...echo.care, remove: () => Promise.reject(refusal) },
  })
  const ask = async ({ port }: { port: number }) =>
    await fetch(`http://127.0.0.1:${port}/peers/${peer}`, { method: 'DELETE' })
  const [done, refused] = [await ask(server), await ask(refusing)]
  assert.deepEqual([done.status, await done.text()], [204, ''])
  assert.equal(refused.status, 500)
  assert.match(await refused.text(), /it is alive/)
})
