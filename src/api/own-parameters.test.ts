import assert from 'node:assert/strict'
import { test } from 'node:test'
import { echoCare } from '../../test/support/echo-care.ts'
import { openRestServer } from '../../test/support/rest-server.ts'
import { ClusterError } from '../errors.ts'
import type { Cluster } from '../interfaces.ts'
import { createIdentity } from '../model/identity.ts'

const CID = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
const peer = createIdentity().id
const LONG = 'x'.repeat(3000)
const NO_BOOLEANS = ['null', 'yes', '2', '[]', 'TrUe', '%00', LONG]

/** Parameters of routes that the reference does not have, and values that they do not have. */
const BAD: readonly (readonly [method: string, path: string, name: string, values: readonly string[]])[] = [
  ['GET', '/health/replication', 'checked', NO_BOOLEANS],
  ['GET', '/health/replication', 'limit', ['null', '-1', '1.5', '1001', '1e3', '0x10', '9'.repeat(400)]],
  ['GET', '/health/replication', 'states', ['null', 'none,bad', LONG]],
  ['GET', '/health/replication', 'after', ['null', 'Qm', LONG]],
  ['GET', `/peers/${peer}/content`, 'check', NO_BOOLEANS],
  ['POST', `/peers/${peer}/drain`, 'force', NO_BOOLEANS],
  ['DELETE', `/peers/${peer}`, 'force', NO_BOOLEANS],
  ['POST', `/peers/${peer}/maintenance`, 'for', ['', 'null', '2', '1x', LONG]],
  ['POST', '/rebalance', 'rate', ['null', '-1', '1e2', 'Infinity', '9'.repeat(400)]],
  ['GET', '/state/export', 'requests', NO_BOOLEANS],
  ['GET', '/allocations', 'limit', ['null', '0', '-1', '1.5', '9'.repeat(400)]],
  ['GET', '/allocations', 'after', ['null', LONG]],
  ['GET', '/allocations', 'allocation', ['null', LONG]],
  ['GET', '/allocations', 'older-than', ['null', '-1h', '2026-13-40T00:00:00Z', LONG]],
  ['GET', '/allocations', 'newer-than', ['null', '-1h', LONG]],
  ['GET', '/pins', 'cid-from', ['null', LONG]],
  ['GET', '/pins', 'cid-to', ['null', LONG]],
  ['GET', '/pins', 'limit', ['0', 'null']],
  ['GET', '/events', 'kinds', ['null', 'pin,bad', LONG]],
  ['GET', '/events', 'cid', ['null', LONG]],
  ['POST', '/pins/recover', 'reason', ['null', LONG]],
  ['POST', '/pins/recover', 'limit', ['0', '1.5']],
  ['POST', '/pins/recover', 'filter', ['null', LONG]],
  ['GET', `/allocations/${CID}/explain`, 'replication-min', ['null', '1.5', '9'.repeat(400), '-2']],
  ['GET', `/allocations/${CID}/explain`, 'expire-in', ['null', '1ms', LONG]],
  ['GET', `/allocations/${CID}/explain`, 'require', ['null', LONG]],
]

/** Explaining is refused as pinning would be, and only that may get so far. */
const members: Partial<Cluster> = {
  ...echoCare(peer),
  async explainAllocation(_cid, { replicationMin }) {
    assert.equal(replicationMin, -2)
    throw new ClusterError('REFUSED', 'the replication-min is wrong')
  },
}

test('values that parameters of our own routes do not have are a 400 that says what is wrong', async () => {
  await using server = await openRestServer(members)
  for (const [method, path, name, values] of BAD) {
    for (const value of values) {
      const where = `${method} ${path}?${name}=${value.slice(0, 30)}`
      const answer = await fetch(`http://127.0.0.1:${server.port}${path}?${name}=${value}`, { method })
      const { code, reason, message } = (await answer.json()) as Readonly<Record<string, unknown>>
      assert.deepEqual([answer.status, code, reason], [400, 400, 'INVALID_ARGUMENT'], where)
      assert.ok(String(message).length < 4000, where)
    }
  }
})

test('of a parameter that is repeated the first value counts, and unknown parameters are passed over', async () => {
  const asked: (readonly unknown[])[] = []
  await using server = await openRestServer(echoCare(peer, asked))
  const url = `http://127.0.0.1:${server.port}/health/replication`
  for (const query of ['checked=1&checked=null&nosuch=1', 'checked=&limit=3&limit=x'])
    assert.equal((await fetch(`${url}?${query}`)).status, 200)
  assert.equal((await fetch(`${url}?checked=null&checked=true`)).status, 400)
  const questions = asked.map(
    ([, question]) => question as { readonly isChecked: boolean; readonly limit: number },
  )
  assert.deepEqual(
    questions.map(({ isChecked, limit }) => [isChecked, limit === 3]),
    [
      [true, false],
      [false, true],
    ],
  )
})
