import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberedCid } from '../../../../test/support/numbered-cid.ts'
import { virtualClock } from '../../../../test/support/virtual-clock.ts'
import type { WantEntry } from './message.ts'
import { PeerLink } from './peer-link.ts'

const WANTS_MAX = 4096

/** What is read for a peer that asks for all of it before anything is sent to it. */
async function readFor(ask: (link: PeerLink) => void): Promise<number> {
  const read = new Set<string>()
  const begun = Promise.withResolvers<void>()
  const failed = Promise.withResolvers<void>()
  const link = new PeerLink({
    clock: virtualClock(),
    openStream: () => Promise.reject(new Error('it does not read')),
    readBlock: async key => {
      await begun.promise
      read.add(key)
      return undefined
    },
    onFailure: () => failed.resolve(),
  })
  ask(link)
  begun.resolve()
  await failed.promise
  await link.close()
  return read.size
}

function wants(from: number, count: number): WantEntry[] {
  return Array.from({ length: count }, (_, at) => ({
    cid: numberedCid(from + at),
    kind: 'block',
    // What is not here is passed over without a word, so that all of them are read before anything is said.
    isAnsweredAlways: at === count - 1,
  }))
}

test('of a peer that asks for more than is remembered the oldest questions are dropped', async () => {
  const count = await readFor(link => link.wantedBy({ isFullList: false, wants: wants(0, 3 * WANTS_MAX) }))
  assert.equal(count, WANTS_MAX)
})

test('a list of wants takes the place of the one before, also of what was not answered yet', async () => {
  const count = await readFor(link => {
    for (let list = 0; list < 5; list++) link.wantedBy({ isFullList: true, wants: wants(1000 * list, 1000) })
  })
  assert.equal(count, 1000)
})
