import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses } from '../support/peer-processes.ts'

/** Calls a Pinning Service API; answers with the status and the document, undefined when there is none. */
async function ask(
  url: string,
  init?: RequestInit,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(url, init)
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
}

function idOf(body: unknown): string {
  assert.ok(typeof body === 'object' && body !== null && 'requestid' in body, JSON.stringify(body))
  return String(body.requestid)
}

test('requests made and ended at two peers at once leave the content pinned exactly as long as one lives', async () => {
  await using peers = await openPeerProcesses()
  const a = await peers.add()
  const b = await peers.add()
  const cids = Array.from({ length: 20 }, (_, at) => numberedCid(at).toString())
  const add = async (url: string, cid: string, name: string) => {
    const { status, body } = await ask(`${url}/pins`, { method: 'POST', body: JSON.stringify({ cid, name }) })
    assert.equal(status, 202, JSON.stringify(body))
    return idOf(body)
  }
  const end = async (url: string, id: string) =>
    assert.equal((await ask(`${url}/pins/${id}`, { method: 'DELETE' })).status, 202)
  const countAt = async (url: string) => {
    const { body } = await ask(`${url}/pins?limit=1`)
    return typeof body === 'object' && body !== null && 'count' in body ? body.count : undefined
  }
  const isPinnedAt = async (url: string, cid: string) => (await fetch(`${url}/allocations/${cid}`)).ok

  const first = await Promise.all(cids.map(cid => add(a.pinsvc, cid, 'first')))
  await eventually('the other peer knows them', async () => (await countAt(b.pinsvc)) === cids.length, 30_000)

  // At one peer the last request ends while the other peer takes a new one.
  const [second] = await Promise.all([
    Promise.all(cids.map(cid => add(b.pinsvc, cid, 'second'))),
    Promise.all(first.map(id => end(a.pinsvc, id))),
  ])
  await eventually(
    'all content is pinned at both',
    async () => {
      const pinned = await Promise.all([a, b].flatMap(({ url }) => cids.map(cid => isPinnedAt(url, cid))))
      return pinned.every(isPinned => isPinned) && (await countAt(a.pinsvc)) === cids.length
    },
    30_000,
  )

  // The last two requests end at both peers at once.
  const third = await Promise.all(cids.map(cid => add(a.pinsvc, cid, 'third')))
  await eventually(
    'the other peer knows them',
    async () => (await countAt(b.pinsvc)) === 2 * cids.length,
    30_000,
  )
  await Promise.all([...third.map(id => end(a.pinsvc, id)), ...second.map(id => end(b.pinsvc, id))])
  await eventually(
    'no content is pinned at any',
    async () => {
      const pinned = await Promise.all([a, b].flatMap(({ url }) => cids.map(cid => isPinnedAt(url, cid))))
      return !pinned.includes(true) && (await countAt(a.pinsvc)) === 0
    },
    30_000,
  )
})
