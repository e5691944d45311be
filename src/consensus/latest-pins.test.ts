import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { openReplica } from '../../test/fuzz/world.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { ClusterError } from '../errors.ts'
import type { ByteStore } from '../interfaces.ts'
import { toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import { readMany } from './view.ts'

const { signal } = new AbortController()

test('what is remembered of the latest changes is what stands on disk, whatever was written and refused', async () => {
  const number = fc.nat(5)
  const step = fc.record({
    puts: fc.array(number, { maxLength: 3 }),
    removes: fc.array(number, { maxLength: 2 }),
    size: fc.constantFrom(1, 900, 2000),
    fails: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async steps => {
      const memory = openMemoryStore()
      let fails = false
      const store: ByteStore = {
        get: key => memory.get(key),
        getMany: keys => memory.getMany(keys),
        entries: range => memory.entries(range),
        pages: range => memory.pages(range),
        keys: range => memory.keys(range),
        sizeBytes: (from, to) => memory.sizeBytes(from, to),
        reopen: () => memory.reopen(),
        [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
        // It may have been written, although it was refused.
        batch: async (writes, options) => {
          await memory.batch(writes, options)
          if (fails) throw new ClusterError('STORE_FAILED', 'the disk is not sure')
        },
      }
      await using replica = await openReplica('peer', seededRandom(1), store)
      const all = Array.from({ length: 6 }, (_, at) => numberedCid(at))
      for (const [at, { puts, removes, size, fails: isFailing }] of steps.entries()) {
        fails = isFailing && at === steps.length - 1
        const pins = puts.map(each =>
          toPin(numberedCid(each), { name: `${at}`.padEnd(size, 'x').slice(0, 250) }),
        )
        const metadata = size > 1000 ? { note: 'x'.repeat(size) } : {}
        await replica
          .write(
            pins.map(pin => ({ ...pin, metadata })),
            removes.map(numberedCid),
            signal,
          )
          .catch((thrown: unknown) => assert.ok(fails, String(thrown)))
        const stored = await readMany(memory, all)
        assert.deepEqual(await replica.getMany(all), stored)
        assert.deepEqual(await Promise.all(all.map(cid => replica.get(cid))), stored)
      }
      fails = false
    }),
    { numRuns: 50 },
  )
})
