import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textSink } from '../../test/support/text-sink.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { openRedrawnLine } from './redrawn-line.ts'

const EVERY_MS = 100

test('a line is drawn as often as it may be, with what is true then, and wiped away at the end', async () => {
  const terminal = textSink(80)
  const clock = virtualClock()
  {
    using line = openRedrawnLine(terminal, clock, EVERY_MS)
    for (let count = 1; count <= 12; count++) {
      line.show((charactersMax, elapsedMs) => `${count} ${charactersMax} ${elapsedMs}`)
      await clock.advance(25)
    }
  }
  assert.equal(terminal.text.replaceAll('\r\u001B[K', '<'), '<1 79 0<5 79 100<9 79 200<')
})

test('what is hidden is not wiped away twice, and comes back when it is drawn', async () => {
  const terminal = textSink(80)
  const clock = virtualClock()
  const line = openRedrawnLine(terminal, clock, EVERY_MS)
  line.hide()
  line.show(() => 'a')
  line.hide()
  line.hide()
  await clock.advance(EVERY_MS)
  line.show(() => 'b')
  line[Symbol.dispose]()
  assert.equal(terminal.text.replaceAll('\r\u001B[K', '<'), '<a<<b<')
})

test('without a terminal nothing is drawn, and no text made', () => {
  using line = openRedrawnLine(undefined, virtualClock(), EVERY_MS)
  line.show(() => assert.fail('nobody sees it'))
})
