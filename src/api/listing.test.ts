import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { inRange } from '../../test/support/in-range.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { collect, openRestServer, until } from '../../test/support/rest-server.ts'
import type { PinRange } from '../interfaces.ts'
import { Pages } from '../lib/pages.ts'
import { toPin } from '../model/pin.ts'
import { toPinJson } from '../model/pin-json.ts'

const signal = AbortSignal.timeout(60_000)
const pins = Array.from({ length: 300 }, (_, number) =>
  toPin(numberedCid(number), { name: `${number % 2 === 0 ? 'even' : 'odd'} ${number}` }),
)

/** Pages of all sizes, empty ones among them. */
async function* pagesOfRange(range: PinRange) {
  const all = inRange(pins, range)
  for (let at = 0, size = 0; at < all.length; at += size, size = (size + 1) % 60)
    yield all.slice(at, at + size)
}

const open = () => openRestServer({ allocations: range => new Pages(pagesOfRange(range)) })

test('a listing in pages is answered as one stream of documents', async () => {
  await using server = await open()
  const found = await collect(server.client().allocations({}, { signal }))
  assert.deepEqual(found, inRange(pins, {}).map(toPinJson))
  assert.deepEqual(
    await collect(server.client().allocations({ query: { 'name-prefix': 'x' } }, { signal })),
    [],
  )
})

test('a client that goes by pages sees every pin that fits once', async () => {
  await using server = await open()
  const client = server.client()
  const found: string[] = []
  for (let after = '', length = 50; length === 50; after = found.at(-1) ?? '') {
    const query = { limit: '50', 'name-prefix': 'even', ...(after === '' ? {} : { after }) }
    const page = await collect(client.allocations({ query }, { signal }))
    found.push(...page.map(({ cid }) => cid))
    length = page.length
  }
  const expected = inRange(pins, { namePrefix: 'even' })
  assert.equal(expected.length, 150)
  assert.deepEqual(
    found,
    expected.map(({ cid }) => cid.toString()),
  )
})

test('a bad parameter is a 400 before anything is sent', async () => {
  await using server = await open()
  for (const query of ['limit=0', 'after=x', 'cid-from=x', 'cid-to=x', 'allocation=x', 'filter=x']) {
    const response = await fetch(`http://127.0.0.1:${server.port}/allocations?${query}`)
    assert.equal(response.status, 400, query)
  }
})

for (const [what, page] of [
  ['pins', pins],
  ['nothing that fits', []],
] as const) {
  test(`when a client leaves while ${what} comes without end, the reading ends`, async () => {
    let pagesRead = 0
    let isEnded = false
    await using server = await openRestServer({
      allocations: (_range, options) =>
        new Pages(
          (async function* () {
            try {
              for (;;) {
                options.signal.throwIfAborted()
                pagesRead++
                yield page
                await new Promise(resolve => setImmediate(resolve))
              }
            } finally {
              isEnded = true
            }
          })(),
        ),
    })
    const request = http.get({ port: server.port, host: '127.0.0.1', path: '/allocations' })
    const closed = new Promise<void>(resolve => request.once('close', () => resolve()))
    request.on('error', () => undefined)
    await until('the reading has begun', () => pagesRead > 3)
    request.destroy()
    await closed
    await until('the reading has ended', () => isEnded)
  })
}

test('a client that does not read holds the reading up, not the memory', async () => {
  let pagesRead = 0
  await using server = await openRestServer({
    allocations: () =>
      new Pages(
        (async function* () {
          for (; pagesRead < 10_000; pagesRead++) {
            yield pins
            await new Promise(resolve => setImmediate(resolve))
          }
        })(),
      ),
  })
  const request = http.get({ port: server.port, host: '127.0.0.1', path: '/allocations' })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.pause()
  let before = 0
  let looksWithoutChange = 0
  await until('no more pages are read', () => {
    looksWithoutChange = pagesRead > before ? 0 : looksWithoutChange + 1
    before = pagesRead
    return looksWithoutChange > 20
  })
  assert.ok(pagesRead < 1000, `${pagesRead} pages of 300 pins were read`)
  request.destroy()
})

test('a client of HTTP/1.0, which has no trailers, gets the whole listing', async () => {
  await using server = await open()
  const socket = net.connect(server.port, '127.0.0.1')
  socket.write('GET /allocations HTTP/1.0\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.match(text, /^HTTP\/1\.1 200 /)
  assert.doesNotMatch(text, /^trailer:/im)
  assert.equal(text.match(/^\{"cid":/gm)?.length ?? text.match(/"cid":/g)?.length, pins.length)
})
