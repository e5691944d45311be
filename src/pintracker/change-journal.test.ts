import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import type { StoreWrite } from '../interfaces.ts'
import { openMemoryStore } from '../store/memory.ts'
import { ChangeJournal } from './change-journal.ts'

const names = Array.from({ length: 20 }, (_, at) => `name ${at}`)
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/** A journal, and what it hands to its store. */
async function openJournal() {
  const store = openMemoryStore()
  const batches: (readonly StoreWrite[])[] = []
  const write = store.batch.bind(store)
  store.batch = async (writes, options) => {
    batches.push(writes)
    await write(writes, options)
  }
  const clock = virtualClock()
  const parts = { store, clock, random: seededRandom(1), logger: silentLogger() }
  return { parts, clock, batches, journal: await ChangeJournal.open(parts) }
}

test('names that are done with one after the other leave the store in one write, and none is left', async () => {
  const { parts, clock, batches, journal } = await openJournal()
  for (const name of names) journal.add(name)
  for (let at = 0; at < 4; at++) await turn()
  assert.deepEqual(
    batches.map(({ length }) => length),
    [names.length],
  )
  for (const name of names) {
    journal.delete(name)
    await turn()
  }
  assert.equal(batches.length, 1)
  await clock.advance(100)
  for (let at = 0; at < 4; at++) await turn()
  assert.deepEqual(
    batches.map(({ length }) => length),
    [names.length, names.length],
  )
  await journal[Symbol.asyncDispose]()
  await using again = await ChangeJournal.open(parts)
  assert.equal(again.size, 0)
})

test('what is still to be taken out when it closes is taken out', async () => {
  const { parts, journal } = await openJournal()
  for (const name of names) journal.add(name)
  for (let at = 0; at < 4; at++) await turn()
  for (const name of names.slice(1)) journal.delete(name)
  await journal[Symbol.asyncDispose]()
  await using again = await ChangeJournal.open(parts)
  assert.deepEqual([...again.names()], ['name 0'])
})
