import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askTrust, EXAMPLE_PINSET, echoTrust } from '../../test/support/echo-trust.ts'
import { openRestServer } from '../../test/support/rest-server.ts'
import { ClusterError } from '../errors.ts'
import { createIdentity } from '../model/identity.ts'
import { toPinsetJson } from '../model/pinset-json.ts'

const options = { signal: AbortSignal.timeout(60_000) }
const peer = createIdentity().id

test('changes of trust and the state of pinsets are answered as JSON', async () => {
  await using server = await openRestServer(echoTrust(peer))
  const answers = await askTrust(server.client(), peer, options)
  const trust = (trusted: boolean) => ({
    configured: [peer],
    changes: [{ peer, trusted }],
    trusted_by_cluster: true,
  })
  assert.deepEqual(answers.trustPeer, trust(true))
  assert.deepEqual([answers.distrustPeer, answers.trust], [trust(false), trust(false)])
  assert.deepEqual(answers.pinset, toPinsetJson(EXAMPLE_PINSET))
  assert.deepEqual(answers.pinsets, [
    { ...answers.pinset, read_only: 'the disk is full', trusted_by_cluster: false },
  ])
})

test('what is no peer id is refused before anything is asked', async () => {
  await using server = await openRestServer({})
  const client = server.client()
  const isRefused = { code: 'INVALID_ARGUMENT', details: { status: 400 } }
  await assert.rejects(client.trustPeer({ body: { peer_id: 'nobody' } }, options), isRefused)
  await assert.rejects(client.distrustPeer({ params: { peer: 'nobody' } }, options), isRefused)
  const url = `http://127.0.0.1:${server.port}/trust`
  for (const body of ['{}', '{"peer_id":7}', 'null', '[', '']) {
    const answer = await fetch(url, { method: 'POST', body })
    assert.equal(answer.status, 400, body)
    assert.match(await answer.text(), /"reason":"INVALID_ARGUMENT"/)
  }
})

test('a refusal of the cluster comes back as it is', async () => {
  const refusal = new ClusterError('REFUSED', 'ask another peer')
  await using server = await openRestServer({ setTrusted: () => Promise.reject(refusal) })
  const told = { code: 'REFUSED', message: 'ask another peer', details: { status: 500 } }
  await assert.rejects(server.client().trustPeer({ body: { peer_id: peer } }, options), told)
})
