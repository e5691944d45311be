import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { copyKey } from './copy-key.ts'

const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 })
const seqno = fc.uint8Array({ minLength: 8, maxLength: 8 })

test('messages of other authors or with other numbers have other keys', () => {
  fc.assert(
    fc.property(bytes, seqno, bytes, seqno, (from, number, otherFrom, otherNumber) => {
      const isSame = Buffer.compare(from, otherFrom) === 0 && Buffer.compare(number, otherNumber) === 0
      assert.equal(
        copyKey({ from, seqno: number }) === copyKey({ from: otherFrom, seqno: otherNumber }),
        isSame,
      )
    }),
  )
})
