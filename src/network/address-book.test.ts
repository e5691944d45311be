import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { AddressBook } from './address-book.ts'

const id = (name: string) => `12D3KooW${name.padEnd(30, 'x')}`
const at = (name: string, port = 1) => `/ip4/127.0.0.1/tcp/${port}/p2p/${id(name)}`
const nobody = () => false

function bookOf(self: string) {
  const clock = virtualClock()
  return { clock, book: new AddressBook(id(self), { clock, random: seededRandom(1) }) }
}

it('a kept peer is dialled again and again, ever more rarely, and never forgotten', async () => {
  const { book, clock } = bookOf('m')
  book.keep(at('z'))
  const dialsAtMs: number[] = []
  while (clock.monotonic() < 3_600_000) {
    for (const peer of book.due(nobody, 0)) {
      dialsAtMs.push(clock.monotonic())
      book.failed(peer)
    }
    await clock.advance(500)
  }
  assert.deepEqual(book.addressesOf(id('z')), [at('z')])
  assert.ok(dialsAtMs.length > 60 && dialsAtMs.length < 140, String(dialsAtMs.length))
})

it('hearsay that leads nowhere is forgotten', async () => {
  const { book, clock } = bookOf('a')
  book.learn([at('z')])
  for (let round = 0; round < 2000 && book.size > 0; round++) {
    for (const peer of book.due(nobody, 5)) book.failed(peer)
    await clock.advance(1000)
  }
  assert.equal(book.size, 0)
})

it('of two that hear of each other one dials first', async () => {
  const small = bookOf('a')
  const great = bookOf('z')
  small.book.learn([at('z')])
  great.book.learn([at('a')])
  assert.deepEqual(small.book.due(nobody, 5), [id('z')])
  assert.deepEqual(great.book.due(nobody, 5), [])
  await great.clock.advance(1100)
  assert.deepEqual(great.book.due(nobody, 5), [id('a')])
})

it('no more than wanted are dialled, and nobody who is connected', () => {
  const { book } = bookOf('1')
  book.learn(['a', 'b', 'c', 'd'].map(name => at(name)))
  assert.equal(book.due(nobody, 2).length, 2)
  assert.equal(book.due(() => true, 9).length, 0)
  assert.equal(book.due(nobody, 0).length, 0)
  book.keep(at('k'))
  assert.deepEqual(book.due(nobody, 1), [id('k')])
})

it('the number of peers and of addresses of a peer is bounded, kept addresses stay', () => {
  const { book } = bookOf('m')
  book.keep(at('z'))
  book.learn(Array.from({ length: 100 }, (_, port) => at('z', port + 2)))
  assert.equal(book.addressesOf(id('z')).length, 9)
  assert.ok(book.addressesOf(id('z')).includes(at('z')))
  const many = Array.from({ length: 5000 }, (_, index) => at(`${index}`.replaceAll('0', 'q')))
  book.learn(many)
  assert.ok(book.size <= 2048)
  book.learn(['/ip4/127.0.0.1/tcp/1', 'rubbish', at('m')])
  assert.ok(book.size <= 2048)
  assert.deepEqual(book.addressesOf(id('m')), [])
})

it('hearsay that is no address does not stand beside the real ones', () => {
  const { book } = bookOf('a')
  const foul = ['/nonsense', '/ip4/1.2.3.4.5/tcp/1', '/ip4/127.0.0.1/tcp/70000', '/ip4', '//', '/tcp/x'].map(
    address => `${address}/p2p/${id('z')}`,
  )
  book.learn([...foul, at('z'), ...foul])
  assert.deepEqual(book.addressesOf(id('z')), [at('z')])
})
