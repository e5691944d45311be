import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { Unfit } from './unfit.ts'

const HOUR_MS = 3_600_000

test('where it did not fit is remembered for hours, and never a peer or a CID that nobody named', () => {
  const step = fc.record({ cid: fc.nat(5), peer: fc.nat(40), afterMs: fc.nat(4 * HOUR_MS) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      let nowMs = 0
      const unfit = new Unfit({ monotonic: () => nowMs })
      const notedMs = new Map<string, number>()
      for (const { cid, peer, afterMs } of steps) {
        nowMs += afterMs
        unfit.note(numberedCid(cid), `p${peer}`)
        notedMs.set(`${cid} p${peer}`, nowMs)
        for (let other = 0; other <= 5; other++) {
          const found = unfit.of(numberedCid(other))
          assert.ok(found.size <= 32)
          for (const each of found) {
            const atMs = notedMs.get(`${other} ${each}`)
            assert.ok(atMs !== undefined && nowMs - atMs < 6 * HOUR_MS, `${other} ${each}`)
          }
        }
        assert.ok(unfit.of(numberedCid(cid)).has(`p${peer}`))
      }
    }),
  )
})

test('of more CIDs than are remembered the last ones are', () => {
  const unfit = new Unfit({ monotonic: () => 0 })
  for (let number = 0; number < 10_010; number++) unfit.note(numberedCid(number), 'p')
  assert.equal(unfit.of(numberedCid(5)).size, 0)
  assert.equal(unfit.of(numberedCid(10)).size, 1)
  assert.equal(unfit.of(numberedCid(10_009)).size, 1)
})
