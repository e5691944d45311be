import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import test from 'node:test'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { openRestServer, until } from '../../../test/support/rest-server.ts'
import { EventRing } from '../../events/event-ring.ts'
import { systemClock } from '../../lib/clock.ts'
import type { EventQuery } from '../../model/cluster-event.ts'

const cid = numberedCid(1)

function openRing() {
  const ring = new EventRing({ self: 'me', incarnation: '0123456789abcdef', max: 50, clock: systemClock })
  const queries: EventQuery[] = []
  return {
    ring,
    queries,
    events: (query: EventQuery, options: { readonly signal: AbortSignal }) => {
      queries.push(query)
      return ring.read(query, options)
    },
    tell: (name: string) => ring.push({ kind: 'pin', cid, change: 'set', name }),
  }
}

async function openStream(port: number, path: string, headers: Readonly<Record<string, string>> = {}) {
  const request = http.get({ port, host: '127.0.0.1', path, headers })
  const [response]: http.IncomingMessage[] = await once(request, 'response')
  assert.ok(response !== undefined)
  response.setEncoding('utf8')
  let text = ''
  response.on('data', chunk => {
    text += String(chunk)
  })
  response.on('error', () => undefined)
  return { request, response, text: () => text }
}

test('events come as a stream that browsers understand, and go on behind Last-Event-ID', async () => {
  const { ring, queries, events, tell } = openRing()
  await using server = await openRestServer({ events })
  const first = await openStream(server.port, '/events?kinds=pin,peer')
  assert.equal(first.response.headers['content-type'], 'text/event-stream')
  await until('it is alive', () => first.text().includes('event: alive'))
  tell('one')
  await until('it is told', () => first.text().includes('"name":"one"'))
  assert.match(
    first.text(),
    /id: 0123456789abcdef-1\nevent: pin\ndata: \{"id":"0123456789abcdef-1",.*\}\n\n$/,
  )
  first.request.destroy()
  await until('the reader is gone', () => ring.readersCount === 0)
  tell('two')
  const second = await openStream(server.port, '/events?after=0123456789abcdef-9', {
    'Last-Event-ID': '0123456789abcdef-1',
  })
  await until('it goes on', () => second.text().includes('"name":"two"'))
  assert.ok(!second.text().includes('"name":"one"'))
  second.request.destroy()
  assert.deepEqual(queries[0], { kinds: new Set(['pin', 'peer']) })
})

test('the client reads events as documents, and wrong questions are refused', async () => {
  const { events, tell } = openRing()
  await using server = await openRestServer({ events })
  const stop = new AbortController()
  const client = server.client()
  const seen: string[] = []
  await assert.rejects(async () => {
    for await (const event of client.events({ query: { cid: cid.toString() } }, { signal: stop.signal })) {
      seen.push(`${event.kind} ${event.name ?? ''}`)
      if (event.kind === 'alive') tell('one')
      else stop.abort(new Error('enough'))
    }
  }, /enough/)
  assert.deepEqual(seen, ['alive ', 'pin one'])
  for (const query of [{ after: 'x' }, { kinds: 'pins' }, { cid: 'x' }]) {
    const answer = client.events({ query }, { signal: new AbortController().signal })
    await assert.rejects(
      async () => {
        for await (const _ of answer) assert.fail('nothing is told')
      },
      { code: 'INVALID_ARGUMENT' },
    )
  }
})

test('a client that does not read is cut off after the idle time-out, without its events piling up', async () => {
  const { ring, events } = openRing()
  await using server = await openRestServer({ events }, { idle_timeout: '300ms' })
  const stream = await openStream(server.port, '/events')
  await until('it is alive', () => stream.text().includes('event: alive'))
  stream.response.pause()
  const name = 'x'.repeat(100_000)
  const beginBytes = process.memoryUsage().rss
  await until('it is cut off', () => {
    for (let count = 0; count < 50; count++) ring.push({ kind: 'pin', cid, change: 'set', name })
    return ring.readersCount === 0
  })
  assert.ok(process.memoryUsage().rss - beginBytes < 300 * 1024 * 1024)
  stream.request.destroy()
})

test('the readers end when the API stops', async () => {
  const { ring, events } = openRing()
  const server = await openRestServer({ events })
  const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(server.port, '/events')))
  await until('all read', () => ring.readersCount === 20)
  await server[Symbol.asyncDispose]()
  assert.equal(ring.readersCount, 0)
  for (const { request } of streams) request.destroy()
})
