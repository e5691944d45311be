import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { listenForStop } from './stop-signals.ts'

function listening() {
  const source = new EventEmitter()
  const clock = virtualClock()
  const said: string[] = []
  let exits = 0
  const stop = listenForStop(
    source,
    clock,
    line => void said.push(line),
    () => {
      exits += 1
    },
  )
  return { source, clock, said, stop, exits: () => exits }
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'disconnect']) {
  test(`${name} asks for an orderly end`, () => {
    const { source, stop, exits } = listening()
    assert.equal(stop.signal.aborted, false)
    source.emit(name, name)
    assert.equal(stop.signal.aborted, true)
    assert.equal(exits(), 0)
  })
}

test('the same key press, passed on by several, is one request; a later one ends at once', async () => {
  const { source, clock, exits } = listening()
  source.emit('SIGINT', 'SIGINT')
  await clock.advance(100)
  source.emit('SIGINT', 'SIGINT')
  assert.equal(exits(), 0)
  await clock.advance(1000)
  source.emit('SIGTERM', 'SIGTERM')
  assert.equal(exits(), 1)
})

test('an end that takes half a minute is cut short, also after disposal', async () => {
  const { source, clock, stop, said, exits } = listening()
  source.emit('SIGTERM', 'SIGTERM')
  stop[Symbol.dispose]()
  await clock.advance(29_000)
  assert.equal(exits(), 0)
  await clock.advance(2000)
  assert.equal(exits(), 1)
  assert.match(said[0] ?? '', /could not stop within 30 seconds/)
})

test('disposal without a request leaves no listener', () => {
  const { source, stop } = listening()
  stop[Symbol.dispose]()
  assert.deepEqual(source.eventNames(), [])
})
