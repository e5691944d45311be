import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import type { StoreWrite } from '../interfaces.ts'
import { openMemoryStore } from '../store/memory.ts'
import { ChangeJournal } from './change-journal.ts'

const names = Array.from({ length: 20 }, (_, at) => `name ${at}`)
const seams = { random: seededRandom(1), logger: silentLogger() }
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
  const parts = { windowMax: 100, store, clock, random: seededRandom(1), logger: silentLogger() }
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

test('whatever is added, put aside and deleted: memory stays bounded, and a later run finds what was not deleted', async () => {
  const anyStep = fc.record({
    what: fc.constantFrom('add', 'putAside', 'delete', 'recall', 'turn', 'wait'),
    at: fc.nat(names.length - 1),
  })
  const property = fc.asyncProperty(fc.array(anyStep, { maxLength: 80 }), async steps => {
    const parts = { windowMax: 3, store: openMemoryStore(), clock: virtualClock(), ...seams }
    const journal = await ChangeJournal.open(parts)
    const model = new Set<string>()
    for (const { what, at } of steps) {
      const name = names[at] ?? ''
      if (what === 'turn') await turn()
      if (what === 'wait') await parts.clock.advance(100)
      if (what === 'recall') await journal.recall()
      if (what === 'delete') journal.delete(name)
      if (what === 'delete') model.delete(name)
      if (what !== 'add' && what !== 'putAside') continue
      if (what === 'add' && journal.hasRoom) journal.add(name)
      else journal.putAside(name)
      model.add(name)
      assert.ok(journal.size <= 3)
    }
    await journal[Symbol.asyncDispose]()
    await using again = await ChangeJournal.open({ ...parts, windowMax: 100 })
    assert.deepEqual(new Set(again.names()), model)
    assert.equal(again.hasAside, false)
  })
  await fc.assert(property, { numRuns: 300 })
})

test('what was put aside comes back once a round, and then nothing is aside', async () => {
  const parts = { windowMax: 3, store: openMemoryStore(), clock: virtualClock(), ...seams }
  await using journal = await ChangeJournal.open(parts)
  for (const name of names) journal.putAside(name)
  const back: string[] = []
  for (let isEnd = false; !isEnd; ) {
    const recalled = await journal.recall()
    isEnd = recalled.isEnd
    back.push(...recalled.names)
    for (const name of recalled.names) journal.delete(name)
  }
  assert.deepEqual(back.toSorted(), names.toSorted())
  assert.equal(journal.hasAside, false)
})
