import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { unlessAborted } from './unless-aborted.ts'

test('gives what comes first, and leaves no listener behind', async () => {
  const stopping = new AbortController()
  const { signal } = stopping
  assert.equal(await unlessAborted(Promise.resolve(1), signal), 1)
  await assert.rejects(unlessAborted(Promise.reject(new Error('failed')), signal), /failed/)
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  const waiting = unlessAborted(new Promise(() => undefined), signal)
  stopping.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await assert.rejects(unlessAborted(Promise.resolve(1), signal), /enough/)
})
