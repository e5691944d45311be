import assert from 'node:assert/strict'
import test from 'node:test'
import { seededRandom } from '../support/seeded-random.ts'
import { virtualClock } from '../support/virtual-clock.ts'
import { Disk } from './disk.ts'
import { Life } from './life.ts'
import { HONEST } from './world.ts'

test('a failed batch that has reached the disk all the same shows at the next opening, and never after later ones', async () => {
  let shownCount = 0
  for (let seed = 0; seed < 20; seed++) {
    const clock = virtualClock()
    const disk = new Disk({ clock, random: seededRandom(seed), lies: HONEST, onBatch: () => undefined })
    const key = Uint8Array.of(1)
    const first = await disk.open(new Life())
    disk.faults.writeErrorShare = 1
    const failing = assert.rejects(first.batch([{ key, value: Uint8Array.of(1) }], { isSynced: true }))
    await clock.advance(10)
    await failing
    disk.faults.writeErrorShare = 0
    const second = await disk.open(new Life())
    if ((await second.get(key)) !== undefined) shownCount++
    const later = second.batch([{ key, value: Uint8Array.of(2) }], { isSynced: true })
    await clock.advance(10)
    await later
    const reopening = second.reopen()
    await clock.advance(10)
    await reopening
    assert.deepEqual(await second.get(key), Uint8Array.of(2))
  }
  assert.ok(shownCount > 0 && shownCount < 20, `${shownCount} of 20`)
})
