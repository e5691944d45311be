import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Channel } from '../lib/channel.ts'
import { answerInOrder } from './in-flight.ts'

async function* from<Item>(items: readonly Item[], onRead: (item: Item) => void = () => undefined) {
  for (const item of items) {
    onRead(item)
    yield item
  }
}

/** Work that is done when the test says so. */
function handWork() {
  const open = new Map<number, PromiseWithResolvers<number>>()
  const of = (item: number) => {
    const known = open.get(item) ?? Promise.withResolvers<number>()
    open.set(item, known)
    return known
  }
  return { begin: async (item: number) => ({ size: 1, answer: of(item).promise }), of }
}

test('answers come in the order of the chunks, whichever is done first', async () => {
  const { begin, of } = handWork()
  const answers: number[] = []
  const read = (async () => {
    for await (const answer of answerInOrder(from([1, 2, 3]), 10, begin)) answers.push(answer)
  })()
  of(3).resolve(3)
  of(2).resolve(2)
  of(1).resolve(1)
  await read
  assert.deepEqual(answers, [1, 2, 3])
})

test('an answer comes though no further chunk does', async () => {
  const input = new Channel<number>({ max: 10, costOf: () => 1 })
  const answers = answerInOrder(input, 10, async item => ({ size: 1, answer: Promise.resolve(item) }))
  const iterator = answers[Symbol.asyncIterator]()
  for (const item of [1, 2, 3]) {
    await input.push(item)
    assert.deepEqual(await iterator.next(), { value: item, done: false })
  }
  input.close()
  assert.deepEqual(await iterator.next(), { value: undefined, done: true })
})

test('no more is read than may be under way, and nothing for whoever takes no answers', async () => {
  const { begin, of } = handWork()
  const seen: number[] = []
  const items = Array.from({ length: 100 }, (_, index) => index)
  const answers = answerInOrder(
    from(items, item => seen.push(item)),
    3,
    begin,
  )[Symbol.asyncIterator]()
  const first = answers.next()
  for (const item of items) of(item).resolve(item)
  await first
  await new Promise(resolve => setImmediate(resolve))
  assert.ok(seen.length <= 4, `${seen.length} were read`)
  await answers.return?.()
})

test('a failure comes behind the answers before it, from work, from preparing and from the source', async () => {
  const boom = new Error('boom')
  const take = async (answers: AsyncIterable<number>) => {
    const taken: number[] = []
    await assert.rejects(async () => {
      for await (const answer of answers) taken.push(answer)
    }, boom)
    return taken
  }
  const fails = async (item: number) => ({
    size: 1,
    answer: item === 3 ? Promise.reject(boom) : Promise.resolve(item),
  })
  assert.deepEqual(await take(answerInOrder(from([1, 2, 3, 4, 5]), 10, fails)), [1, 2])
  const unprepared = async (item: number) => {
    if (item === 3) throw boom
    return { size: 1, answer: Promise.resolve(item) }
  }
  assert.deepEqual(await take(answerInOrder(from([1, 2, 3, 4, 5]), 10, unprepared)), [1, 2])
  async function* broken() {
    yield* [1, 2]
    throw boom
  }
  assert.deepEqual(
    await take(answerInOrder(broken(), 10, async item => ({ size: 1, answer: Promise.resolve(item) }))),
    [1, 2],
  )
})
