import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { openRestServer, until } from '../../test/support/rest-server.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { systemClock } from '../lib/clock.ts'
import { Pages } from '../lib/pages.ts'
import { toPin } from '../model/pin.ts'
import { LISTINGS_MAX, ListingPlaces, PATIENCE_MS } from './listing-places.ts'

const signal = new AbortController().signal
const settled = () => new Promise<void>(resolve => setImmediate(resolve))

test('more listings than there are places wait in the order in which they came, and those that leave are passed over', async () => {
  const places = new ListingPlaces(virtualClock(), 2)
  const order: string[] = []
  const leaving = new AbortController()
  const take = async (name: string, by = signal) => {
    const place = await places.take(by)
    order.push(name)
    return place
  }
  const [a, b] = [await take('a'), await take('b')]
  const left = assert.rejects(take('left', leaving.signal), { message: 'gone' })
  const c = take('c')
  const d = take('d')
  await settled()
  assert.deepEqual(order, ['a', 'b'])
  leaving.abort(new Error('gone'))
  await left
  b[Symbol.dispose]()
  b[Symbol.dispose]()
  await settled()
  assert.deepEqual(order, ['a', 'b', 'c'])
  a[Symbol.dispose]()
  await d
  assert.deepEqual(order, ['a', 'b', 'c', 'd'])
  for (const place of [await c, await d]) place[Symbol.dispose]()
  for (const name of ['e', 'f']) await take(name)
  await assert.rejects(places.take(leaving.signal), { message: 'gone' })
})

test('a listing that stands still keeps its place as long as nobody waits, and loses it when others have waited long', async () => {
  const clock = virtualClock()
  const places = new ListingPlaces(clock, 2)
  const [still, busy] = [await places.take(signal), await places.take(signal)]
  const standing = Promise.withResolvers<void>()
  let isGivenUp = false
  const stood = still.standStill(standing.promise, () => {
    isGivenUp = true
    standing.resolve()
  })
  await clock.advance(10 * PATIENCE_MS)
  assert.equal(isGivenUp, false)
  const next = places.take(signal)
  await clock.advance(PATIENCE_MS - 2000)
  assert.equal(isGivenUp, false)
  // One that moves on in between is not given up.
  await busy.standStill(Promise.resolve(), () => assert.fail('it does not stand still'))
  await clock.advance(3000)
  assert.equal(isGivenUp, true)
  await stood
  still[Symbol.dispose]()
  await next
})

/** A server whose pinset has no end. It counts the listings that were begun and not ended. */
async function openEndless(clock = virtualClock()) {
  const seen = { open: 0, begun: 0, pages: 0 }
  // Long names fill the connections soon.
  const page = Array.from({ length: 64 }, () => toPin(numberedCid(1), { name: 'n'.repeat(4000) }))
  async function* pages() {
    seen.open += 1
    seen.begun += 1
    try {
      for (; ; seen.pages += 1) yield page
    } finally {
      seen.open -= 1
    }
  }
  const members = { allocations: () => new Pages(pages()), version: '1' }
  return { seen, clock, server: await openRestServer(members, {}, clock) }
}

async function unread(port: number, path: string): Promise<http.ClientRequest> {
  const request = http.get({ port, path, agent: false })
  request.on('error', () => undefined)
  request.on('response', response => response.pause().on('error', () => undefined))
  await once(request, 'socket')
  return request
}

test('of many listings that nobody reads only some load anything; short pages do not wait for them', async () => {
  const { seen, server } = await openEndless()
  await using _server = server
  const requests = await Promise.all(Array.from({ length: 50 }, () => unread(server.port, '/allocations')))
  await until('the places are taken', () => seen.open === LISTINGS_MAX)
  const short = await unread(server.port, '/allocations?limit=100')
  await until('a short page is begun', () => seen.begun === LISTINGS_MAX + 1)
  short.destroy()
  await until('it has ended', () => seen.open === LISTINGS_MAX)
  // Whoever leaves makes room, and nobody who left before it was his turn is begun.
  for (const request of requests.slice(LISTINGS_MAX, 40)) request.destroy()
  for (const request of requests.slice(0, LISTINGS_MAX)) request.destroy()
  await until('the next ones', () => seen.begun === LISTINGS_MAX + 11)
  for (const request of requests) request.destroy()
  await until('the end', () => seen.open === 0)
  assert.equal(seen.begun, LISTINGS_MAX + 11)
})

test('whoever reads gets a place from those that do not, after a while', async () => {
  const { seen, clock, server } = await openEndless()
  await using _server = server
  const still = await Promise.all(
    Array.from({ length: LISTINGS_MAX }, () => unread(server.port, '/allocations')),
  )
  await until('the places are taken', () => seen.open === LISTINGS_MAX)
  const closed = still.map(request => once(request, 'close'))
  const reader = http.get({ port: server.port, path: '/allocations', agent: false })
  reader.on('error', () => undefined)
  const answered = once(reader, 'response') as Promise<[http.IncomingMessage]>
  // The connections of those that do not read are full after some pages.
  await eventually('the reader has a place', async () => {
    await settled()
    await clock.advance(1000)
    return seen.begun > LISTINGS_MAX
  })
  const [response] = await answered
  response.on('error', () => undefined).resume()
  await once(response, 'data')
  for (const request of [...still, reader]) request.destroy()
  await Promise.all(closed)
})

test('a reader that takes a byte a second makes no more pages, and is cut after the idle time-out', async () => {
  const { seen, clock, server } = await openEndless()
  await using _server = server
  const socket = net.connect(server.port, '127.0.0.1')
  socket.on('error', () => undefined).pause()
  socket.write('GET /allocations HTTP/1.1\r\nHost: x\r\n\r\n')
  let before = -1
  await eventually('it stands still', async () => {
    const isStill = seen.pages > 0 && seen.pages === before
    before = seen.pages
    await systemClock.sleep(100, AbortSignal.timeout(5000))
    return isStill
  })
  for (let second = 0; second < 110; second += 1) {
    socket.read(1)
    await settled()
    await clock.advance(1000)
  }
  assert.deepEqual([seen.open, seen.pages], [1, before])
  for (let second = 0; second < 20; second += 1) await clock.advance(1000)
  await until('it is cut', () => seen.open === 0)
  socket.destroy()
})
