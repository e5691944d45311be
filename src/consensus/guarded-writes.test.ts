import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { GuardedWrites } from './guarded-writes.ts'

test('a disk that goes on refusing is complained about at once and then every five minutes, until it takes writes', async () => {
  const clock = virtualClock()
  const logger = silentLogger()
  let isFull = false
  let triesCount = 0
  const refuse = async () => {
    triesCount++
    if (isFull) throw new Error('no space left on device')
  }
  await using disk = new GuardedWrites({ store: { batch: refuse }, clock, logger, recover: refuse })
  const complaints = () =>
    logger.lines.filter(({ message }) => message.includes('still takes no writes')).length
  const fill = async () => {
    isFull = true
    await assert.rejects(disk.write([]), { code: 'STORE_FAILED' })
  }
  await fill()
  await clock.advance(2000)
  assert.equal(complaints(), 1)
  triesCount = 0
  await clock.advance(299_000)
  assert.equal(complaints(), 1)
  assert.ok(triesCount > 100, 'it goes on trying')
  await clock.advance(3000)
  assert.equal(complaints(), 2)
  isFull = false
  await clock.advance(2000)
  assert.equal(disk.isOpen, true)
  await fill()
  await clock.advance(2000)
  assert.equal(complaints(), 3, 'another failure is another matter')
})
