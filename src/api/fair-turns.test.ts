import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairTurns, inTurns, ROUNDS_BETWEEN } from './fair-turns.ts'

const nextRound = () => new Promise<void>(resolve => setImmediate(resolve))

/** Pages that are there at once, without end. */
async function* endless(size: number, onPage: () => void): AsyncGenerator<readonly number[]> {
  for (;;) {
    onPage()
    yield Array.from({ length: size }, (_, at) => at)
  }
}

for (const [size, most] of [
  [512, 1],
  [16, 8],
] as const) {
  test(`however many long answers there are, some rounds of the event loop make one piece of one of them (pages of ${size})`, async () => {
    const all = new FairTurns({ monotonic: () => 0 })
    const made = [0, 0, 0, 0]
    let isOver = false
    const reading = made.map(async (_, reader) => {
      for await (const _page of inTurns(
        endless(size, () => (made[reader] = (made[reader] ?? 0) + 1)),
        all,
      ))
        if (isOver) break
    })
    const total = () => made.reduce((sum, pages) => sum + pages, 0)
    // The first piece of each waits for nobody.
    await nextRound()
    for (let turn = 0; turn < 40; turn += 1) {
      const before = total()
      for (let round = 0; round < ROUNDS_BETWEEN; round += 1) await nextRound()
      // The end of one piece and the begin of the next may fall into the same rounds.
      assert.ok(total() - before <= 2 * most, `${total() - before} pages in ${ROUNDS_BETWEEN} rounds`)
    }
    assert.ok(Math.max(...made) - Math.min(...made) <= most, `all come equally far: ${made.join(', ')}`)
    assert.ok(Math.min(...made) > 4 * most)
    isOver = true
    await Promise.all(reading)
  })
}

test('when others take long, a turn comes after a round', async () => {
  let nowMs = 0
  const all = new FairTurns({ monotonic: () => (nowMs += 1000) })
  let isTaken = false
  void all.take().then(() => (isTaken = true))
  await nextRound()
  await nextRound()
  assert.ok(isTaken)
})

test('whoever stops reading stops the source, and one that ended is not stopped again', async () => {
  const ended: string[] = []
  async function* source(name: string) {
    try {
      yield [1]
      yield [2]
    } finally {
      ended.push(name)
    }
  }
  for await (const _page of inTurns(source('left'))) break
  const seen: number[] = []
  for await (const page of inTurns(source('read'))) seen.push(...page)
  assert.deepEqual(
    [ended, seen],
    [
      ['left', 'read'],
      [1, 2],
    ],
  )
})
