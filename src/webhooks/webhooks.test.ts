import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { eventually } from '../../test/support/eventually.ts'
import { hastyClock } from '../../test/support/hasty-clock.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import type { ClusterEvent, EventQuery } from '../model/cluster-event.ts'
import type { EventJson } from '../model/event-json.ts'
import { toWebhooksConfig } from './config.ts'
import { sign } from './signature.ts'
import { openWebhooks } from './webhooks.ts'

const SECRET = 'a secret of some length'

/** A receiver that answers with the given statuses in turn, and then with 204. */
async function openReceiver(...statuses: readonly number[]) {
  const bodies: {
    readonly body: string
    readonly headers: http.IncomingHttpHeaders
    readonly status: number
  }[] = []
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += String(chunk)
    })
    request.on('end', () => answer(body, request, response))
  })
  const answer = (body: string, request: http.IncomingMessage, response: http.ServerResponse) => {
    const status = statuses[bodies.length] ?? 204
    bodies.push({ body, headers: request.headers, status })
    response.writeHead(status, status === 302 ? { Location: '/elsewhere' } : {}).end()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    url: `http://127.0.0.1:${address.port}/hook?key=hidden`,
    bodies,
    taken: () =>
      bodies
        .filter(({ status }) => status === 204)
        .flatMap(({ body }) => (JSON.parse(body) as { events: EventJson[] }).events.map(({ id }) => id)),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function eventOf(number: number): ClusterEvent {
  const stamp = { id: `x-${number}`, atMs: 0, teller: 'me' }
  return { ...stamp, kind: 'pin', cid: numberedCid(number), change: 'set', name: 'ü' }
}

/** Two pages of events, and then nothing until stopped. */
function feed(queries: EventQuery[] = []) {
  return {
    async *events(query: EventQuery, { signal }: { readonly signal: AbortSignal }) {
      queries.push(query)
      yield [{ id: 'x-0', atMs: 0, teller: 'me', kind: 'alive' } as const]
      yield [eventOf(1), eventOf(2)]
      yield [eventOf(3)]
      await once(signal, 'abort')
      throw signal.reason
    },
  }
}

const parts = () => ({
  clock: hastyClock(1_700_000_000_000),
  random: seededRandom(1),
  logger: silentLogger(),
  meter: createNoopMeter(),
})

test('a webhook gets every event once, in order and signed, also when it fails in between', async () => {
  await using receiver = await openReceiver(500, 302, 204, 429)
  const queries: EventQuery[] = []
  const config = toWebhooksConfig({ hooks: [{ url: receiver.url, secret: SECRET, kinds: ['pin'] }] })
  await using _webhooks = openWebhooks({ ...parts(), events: feed(queries) }, config)
  await eventually('all is taken', () => receiver.taken().length === 3)
  assert.deepEqual(receiver.taken(), ['x-1', 'x-2', 'x-3'])
  assert.equal(receiver.bodies.length, 5)
  for (const { body, headers } of receiver.bodies) {
    const timestamp = String(headers['x-pinfold-timestamp'])
    assert.equal(headers['x-pinfold-signature'], sign(SECRET, timestamp, body))
    assert.ok(Number(timestamp) >= 1_700_000_000)
  }
  assert.deepEqual(queries[0]?.kinds, new Set(['pin']))
})

test('a batch that is never taken is dropped with a word, without the address telling secrets', async () => {
  await using receiver = await openReceiver(...Array.from({ length: 25 }, () => 500))
  const own = parts()
  const config = toWebhooksConfig({ hooks: [{ url: receiver.url, secret: SECRET }] })
  await using _webhooks = openWebhooks({ ...own, events: feed() }, config)
  await eventually('the next one is taken', () => receiver.taken().length > 0)
  assert.deepEqual(receiver.taken(), ['x-3'])
  const lines = JSON.stringify(own.logger.lines)
  assert.match(lines, /events were dropped/)
  assert.ok(!lines.includes('hidden'))
})

test('closing does not wait for a webhook that does not answer', async () => {
  const server = http.createServer(() => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const url = `http://127.0.0.1:${address.port}/`
  const webhooks = openWebhooks(
    { ...parts(), events: feed() },
    toWebhooksConfig({ hooks: [{ url, secret: SECRET }] }),
  )
  await once(server, 'request')
  await webhooks[Symbol.asyncDispose]()
  server.close()
  server.closeAllConnections()
})

test('what is no address is refused', () => {
  assert.throws(() => toWebhooksConfig({ hooks: [{ url: 'https://', secret: SECRET }] }), {
    code: 'CONFIG_INVALID',
  })
})
