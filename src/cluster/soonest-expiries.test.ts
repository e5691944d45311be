import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SoonestExpiries } from './soonest-expiries.ts'

const times = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 })

test('whatever is added, all that falls due before the horizon comes when it is due, soonest first, and memory is bounded', () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 60 }), (all, max, nowMs) => {
      const soonest = new SoonestExpiries(max, 40)
      all.forEach((atMs, at) => {
        soonest.add(atMs, `${atMs} ${at}`)
        assert.ok(soonest.size < 2 * max)
      })
      const dueBy = Math.min(nowMs, soonest.horizonMs - 1)
      const taken = soonest.takeDue(dueBy, 1000).map(key => Number(key.split(' ')[0]))
      assert.deepEqual(
        taken,
        all.filter(atMs => atMs <= dueBy).sort((a, b) => a - b),
      )
      assert.deepEqual(soonest.takeDue(dueBy, 1000), [])
    }),
  )
})

test('what is due is taken in pieces, and what is added meanwhile falls in its place', () => {
  const soonest = new SoonestExpiries(10, 100)
  for (const atMs of [3, 1, 2]) soonest.add(atMs, `${atMs}`)
  assert.deepEqual(soonest.takeDue(5, 2), ['1', '2'])
  soonest.add(0, '0')
  assert.deepEqual(soonest.takeDue(5, 2), ['0', '3'])
  assert.deepEqual(soonest.takeDue(5, 2), [])
  soonest.add(100, 'too late')
  assert.deepEqual(soonest.takeDue(200, 2), [])
  assert.deepEqual([soonest.horizonMs, soonest.isCut], [100, false])
})
