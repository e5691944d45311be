import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { SecondRuns } from './second-runs.ts'

const SECOND_MS = 1000
interface Sent {
  readonly peer: string
  readonly boot: string
  readonly sequence: number
  readonly sentAtMs: number
}

/** Heartbeats of one run, one every two seconds. */
function run(boot: string, fromMs: number, count: number): readonly Sent[] {
  return Array.from({ length: count }, (_, at) => ({
    peer: 'p',
    boot,
    sequence: at + 1,
    sentAtMs: fromMs + at * 2 * SECOND_MS,
  }))
}

const arrivals = (sent: readonly Sent[]) => {
  const runs = new SecondRuns(10)
  return sent.map(beat => runs.note(beat, beat.sentAtMs))
}

test('two runs that go on side by side are found after a few seconds, also when one clock is behind', () => {
  for (const behindMs of [0, 30 * SECOND_MS]) {
    const runs = new SecondRuns(10)
    const both = [...run('a', 0, 60), ...run('b', 61_000 - behindMs, 30)]
    const comesAtMs = ({ boot, sentAtMs }: Sent) => sentAtMs + (boot === 'b' ? behindMs : 0)
    const found = both
      .sort((x, y) => comesAtMs(x) - comesAtMs(y))
      .filter(beat => runs.note(beat, comesAtMs(beat)))
    assert.ok(comesAtMs(found[0] ?? both[0] ?? assert.fail()) <= 70_000, `behind by ${behindMs}`)
    assert.ok(found.length > 40, 'and again as long as both go on')
  }
})

test('restarts are not taken for it, in whatever order and however often the messages of former runs come', () => {
  const anyHistory = fc.array(fc.record({ count: fc.integer({ min: 1, max: 8 }), pauseMs: fc.nat(5000) }), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(anyHistory, fc.array(fc.nat(), { maxLength: 200 }), (history, picks) => {
      let fromMs = 0
      const sent = history.flatMap(({ count, pauseMs }, at) => {
        const beats = run(`boot ${at}`, fromMs, count)
        fromMs += (count - 1) * 2 * SECOND_MS + 1 + pauseMs
        return beats
      })
      const late = picks.map(pick => sent[pick % sent.length] ?? assert.fail())
      // All in one moment, as after a partition: every repetition, every order.
      const runs = new SecondRuns(10)
      for (const beat of [...late, ...sent, ...late]) assert.equal(runs.note(beat, fromMs), false)
    }),
  )
})

test('a daemon that starts again and again, or whose clock was set back meanwhile, is not taken for two', () => {
  assert.ok(
    !arrivals(Array.from({ length: 50 }, (_, at) => run(`boot ${at}`, at * 5000, 3)).flat()).includes(true),
  )
  assert.ok(!arrivals([...run('a', 600_000, 20), ...run('b', 0, 20)]).includes(true))
})

test('as many peers are remembered as allowed', () => {
  const runs = new SecondRuns(2)
  const [first] = run('a', 0, 1)
  for (let at = 0; at < 100; at++) runs.note({ ...(first ?? assert.fail()), peer: `p${at}` }, 0)
  const both = [...run('a', 0, 20), ...run('b', 1, 20)].sort((x, y) => x.sentAtMs - y.sentAtMs)
  assert.ok(both.some(beat => runs.note(beat, beat.sentAtMs)))
})
