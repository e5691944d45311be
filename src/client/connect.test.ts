import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import test from 'node:test'
import { echoBulk } from '../../test/support/echo-bulk.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { freePort } from '../../test/support/peer-processes.ts'
import { collect, openRestServer, type RestServer, until } from '../../test/support/rest-server.ts'
import { routes } from '../api/routes.ts'
import { ClusterError } from '../errors.ts'
import { EventRing } from '../events/event-ring.ts'
import { systemClock } from '../lib/clock.ts'
import { formatCid } from '../model/cid.ts'
import type { EventJson } from '../model/event-json.ts'
import { NO_OPTIONS, type Pin } from '../model/pin.ts'
import type { GlobalPinInfo, PinStatus } from '../model/pin-status.ts'
import { calls, EVENT_STREAMS } from './calls.ts'
import { connect } from './connect.ts'

const cid = numberedCid(1)
const hash = formatCid(cid)
const peers = [
  '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv',
  '12D3KooWGHTKzeT4KaLGLrbKKyT8zKrBPXAUBRzCAN6ZMDMo4M6M',
]

function pinOf(number: number): Pin {
  return {
    ...NO_OPTIONS,
    cid: numberedCid(number),
    type: 'pin',
    maxDepth: -1,
    allocations: [],
    reference: undefined,
    timestampMs: 0,
  }
}

function statusOf(...states: readonly PinStatus[]): GlobalPinInfo {
  const of = (status: PinStatus, i: number) =>
    [
      peers[i] ?? '',
      {
        peername: `p${i}`,
        ipfsPeerId: undefined,
        ipfsPeerAddresses: [],
        status,
        timestampMs: 0,
        error: '',
        attemptCount: 0,
        isPriority: false,
      },
    ] as const
  return { cid, pin: pinOf(1), createdMs: 0, peers: new Map(states.map(of)) }
}

const urlOf = (server: RestServer) => `http://127.0.0.1:${server.port}`

test('every route that is no page can be called by its name', () => {
  const pages = Object.entries(routes).flatMap(([name, route]) => ('isPage' in route ? [name] : []))
  const names = Object.keys(routes).filter(name => !pages.includes(name))
  assert.deepEqual(new Set(Object.keys(calls)), new Set(names), 'a new route: name it in src/client/calls.ts')
})

test('the rows that answer with events are known', () => {
  const events = Object.entries(routes).flatMap(([name, route]) => ('isEvents' in route ? [name] : []))
  assert.deepEqual([...EVENT_STREAMS], events)
})

function openFeed(incarnation: string) {
  const ring = new EventRing({ self: 'me', incarnation, max: 50, clock: systemClock })
  const after: (string | undefined)[] = []
  return {
    ring,
    after,
    tell: (name: string) => ring.push({ kind: 'pin', cid, change: 'added', name }),
    serve: () =>
      openRestServer({
        events: (query, options) => {
          after.push(query.after)
          return ring.read(query, options)
        },
      }),
  }
}

test('events come as documents, and a connection that breaks is made anew where it was', async () => {
  const feed = openFeed('0123456789abcdef')
  await using server = await feed.serve()
  const broken: (() => void)[] = []
  const stop = new AbortController()
  const cluster = connect(urlOf(server), {
    fetch: async (input, init) => {
      const cut = new AbortController()
      broken.push(() => cut.abort())
      const given = init?.signal ?? stop.signal
      return fetch(input, { ...init, signal: AbortSignal.any([given, cut.signal]) })
    },
  })
  const events = cluster.events({ kinds: 'pin' }, { signal: stop.signal })[Symbol.asyncIterator]()
  const next = async () => ((await events.next()) as { readonly value: EventJson }).value
  const first = next()
  await until('it reads', () => feed.ring.readersCount === 1)
  feed.tell('one')
  const { id, kind, change, name } = await first
  assert.deepEqual([id, kind, change, name], ['0123456789abcdef-1', 'pin', 'added', 'one'])
  const second = next()
  broken[0]?.()
  await until('it has left', () => feed.ring.readersCount === 0)
  feed.tell('two')
  assert.equal((await second).name, 'two')
  assert.deepEqual(feed.after, [undefined, '0123456789abcdef-1'])
  const last = next()
  stop.abort(new Error('enough'))
  await assert.rejects(last, /enough/)
  const plain = cluster.list('events', {})[Symbol.asyncIterator]()
  assert.equal(((await plain.next()) as { readonly value: EventJson }).value.kind, 'alive')
  await plain.return?.()
})

test('another peer goes on when one is lost, with a reset for what it cannot know', async () => {
  const feeds = ['0123456789abcdef', 'fedcba9876543210'].map(openFeed)
  const [one, two] = feeds
  assert.ok(one !== undefined && two !== undefined)
  const first = await one.serve()
  await using second = await two.serve()
  const stop = new AbortController()
  const cluster = connect([urlOf(first), urlOf(second)])
  const events = cluster.events({}, { signal: stop.signal })[Symbol.asyncIterator]()
  const next = async () => ((await events.next()) as { readonly value: EventJson }).value
  const told = next()
  await until('it reads', () => one.ring.readersCount === 1)
  one.tell('one')
  await told
  const reset = next()
  await first[Symbol.asyncDispose]()
  assert.equal((await reset).kind, 'reset')
  two.tell('two')
  assert.equal((await next()).name, 'two')
  stop.abort()
})

test('events that are refused, or that nobody tells at first, are a failure', async () => {
  await using server = await openFeed('0123456789abcdef').serve()
  const failing = (host: string, query: object) => collect(connect(host).events(query))
  await assert.rejects(failing(urlOf(server), { kinds: 'weather' }), { code: 'INVALID_ARGUMENT' })
  await assert.rejects(failing(`http://127.0.0.1:${await freePort()}`, {}), { code: 'PEER_UNREACHABLE' })
})

test('the next peer is asked when one cannot be reached, and stays the first one', async () => {
  let asked = 0
  await using server = await openRestServer({ version: '1' })
  const silent = `http://127.0.0.1:${await freePort()}`
  const cluster = connect([silent, urlOf(server)], {
    fetch: (input, init) => {
      if (typeof input === 'string' && input.startsWith(silent)) asked++
      return fetch(input, init)
    },
  })
  assert.deepEqual(await cluster.call('version', {}), { version: '1' })
  assert.deepEqual(await cluster.call('version', {}), { version: '1' })
  assert.equal(asked, 1)
  await assert.rejects(connect(silent).call('id', {}), { code: 'PEER_UNREACHABLE', message: /ECONNREFUSED/ })
})

test('a path that leads up is refused and asks nothing: what is to be pinned cannot become another request', async () => {
  const asked: unknown[] = []
  const cluster = connect('http://127.0.0.1:1', {
    fetch: input => {
      asked.push(input)
      return Promise.resolve(new Response('{}'))
    },
  })
  const refusal = { code: 'INVALID_ARGUMENT', message: /"\.\.?" cannot be a part of a path/ }
  for (const path of ['..', '/ipfs/../../peers/x/drain', '/../tokens', '/ipns/./name'])
    await assert.rejects(cluster.pin(path), refusal, path)
  await assert.rejects(cluster.unpin('/ipfs/../../tokens/deploy'), refusal)
  await assert.rejects(cluster.status('..'), refusal)
  assert.deepEqual(asked, [])
  await cluster.pin('/ipns/name/a..b/%2e%2e/')
  assert.deepEqual(asked, ['http://127.0.0.1:1/pins/ipns/name/a..b/%252e%252e/'])
})

test('what was sent and must not be done twice is not sent again', async () => {
  const adds: string[] = []
  const cutting = (name: string) =>
    createServer((request, response) => {
      if (request.url === '/health') response.writeHead(204).end()
      request.once('data', () => {
        adds.push(name)
        request.socket.destroy()
      })
    }).listen(0, '127.0.0.1')
  const closed = `http://127.0.0.1:${await freePort()}`
  const servers = [cutting('a'), cutting('b')]
  try {
    await Promise.all(servers.map(server => once(server, 'listening')))
    const urls = servers.map(server => {
      const address = server.address()
      return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    })
    const cluster = connect([closed, ...urls])
    await assert.rejects(collect(cluster.add([{ path: 'x', content: 'hello' }])), {
      code: 'PEER_UNREACHABLE',
    })
    assert.deepEqual(adds, ['a'])
  } finally {
    for (const server of servers) server.close()
  }
})

test('a peer that is silent for too long is passed over', async () => {
  await using server = await openRestServer({ version: '1' })
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  try {
    const address = silent.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    assert.deepEqual(await connect([url, urlOf(server)], { timeoutMs: 100 }).call('version', {}), {
      version: '1',
    })
    await assert.rejects(connect(url, { timeoutMs: 100 }).call('version', {}), { code: 'TIMEOUT' })
  } finally {
    silent.closeAllConnections()
    silent.close()
  }
})

test('errors have the code of the server, and stopping has the reason of the signal', async () => {
  await using server = await openRestServer({
    allocation: () => Promise.reject(new ClusterError('NOT_FOUND', 'pin is not part of the pinset')),
    status: () => new Promise(() => {}),
  })
  const cluster = connect(urlOf(server))
  await assert.rejects(cluster.call('allocation', { params: { hash } }), {
    code: 'NOT_FOUND',
    details: { status: 404 },
  })
  await assert.rejects(cluster.status('no-cid'), { code: 'INVALID_ARGUMENT' })
  const stop = new AbortController()
  const reason = new Error('enough')
  const asked = cluster.status(hash, { signal: stop.signal })
  stop.abort(reason)
  await assert.rejects(asked, reason)
})

test('credentials are sent as user and password, or as a token', async () => {
  await using server = await openRestServer({ version: '1' }, { basic_auth_credentials: { zoë: 'pä:ss' } })
  const url = urlOf(server)
  const withPassword = connect(url, { auth: { user: 'zoë', password: 'pä:ss' } })
  assert.deepEqual(await withPassword.call('version', {}), { version: '1' })
  const { token } = await withPassword.call('issueJwt', {})
  assert.deepEqual(await connect(url, { auth: { token } }).call('version', {}), { version: '1' })
  await assert.rejects(connect(url).call('version', {}), { code: 'UNAUTHENTICATED' })
  await assert.rejects(connect(url, { auth: { token: 'x' } }).call('version', {}), {
    code: 'UNAUTHENTICATED',
  })
})

test('a listing comes document by document; one that breaks off is an error, although trailers cannot be read', async () => {
  let isLeft = false
  await using server = await openRestServer({
    async *allocations() {
      yield pinOf(1)
      yield pinOf(2)
      throw new ClusterError('STORE_FAILED', 'no more')
    },
    async *statuses() {
      try {
        for (;;) yield statusOf('pinned')
      } finally {
        isLeft = true
      }
    },
  })
  const cluster = connect(urlOf(server))
  const seen: string[] = []
  const reading = (async () => {
    for await (const pin of cluster.pins()) seen.push(pin.cid)
  })()
  await assert.rejects(reading, { code: 'STORE_FAILED', message: 'no more' })
  assert.deepEqual(
    seen,
    [1, 2].map(number => formatCid(numberedCid(number))),
  )
  for await (const _ of cluster.statuses()) break
  await until('leaving the loop ends the listing at the server', () => isLeft)
})

test('files go as a form, with their paths and settings', async () => {
  await using server = await openRestServer({
    async *add(entries, params, options) {
      for await (const entry of entries) {
        const content = entry.kind === 'file' ? Buffer.concat(await collect(entry.content)).toString() : ''
        yield {
          name: `${entry.path}=${content} ${params.cidVersion} ${options.name} ${options.metadata['k']}`,
          cid,
          size: 0,
        }
      }
    },
  })
  const files = [
    { path: 'dir/ü b%.txt', content: 'text' },
    { path: 'dir/c', content: new Blob(['blob']) },
    { path: 'd', content: new TextEncoder().encode('bytes') },
  ]
  const added = await collect(
    connect(urlOf(server)).add(files, { cidVersion: 1, name: 'n', metadata: { k: 'v' } }),
  )
  assert.deepEqual(
    added.map(({ name }) => name),
    ['dir/ü b%.txt=text 1 n v', 'dir/c=blob 1 n v', 'd=bytes 1 n v'],
  )
})

test('many pins go in pieces, and answers are numbered through', async () => {
  await using server = await openRestServer({ ...echoBulk() })
  const cluster = connect(urlOf(server))
  const lines = Array.from({ length: 2500 }, (_, i) => formatCid(numberedCid(i)))
  const answers = await collect(cluster.pinMany(lines, { name: 'many' }))
  assert.deepEqual(
    answers.map(({ line }) => line),
    lines.map((_, i) => i + 1),
  )
  assert.deepEqual(
    answers.map(answer => answer.cid),
    lines,
  )
  await assert.rejects(collect(cluster.pinMany(['a\nb'])), { code: 'INVALID_ARGUMENT' })
})

test('waiting ends when enough peers are there, fails when they cannot be, and ends with its time', async () => {
  const states: PinStatus[][] = [
    ['pinning', 'pin_queued'],
    ['pinned', 'pin_queued'],
    ['pinned', 'pinned'],
  ]
  let at = 0
  await using server = await openRestServer({
    status: async () => statusOf(...(states[Math.min(at++, states.length - 1)] ?? [])),
  })
  const cluster = connect(urlOf(server))
  const statusesOf = async (waiting: ReturnType<typeof cluster.waitFor>) =>
    Object.values((await waiting).peer_map).map(peer => peer.status)
  assert.deepEqual(await statusesOf(cluster.waitFor(hash, { peers: 1, everyMs: 1 })), [
    'pinned',
    'pin_queued',
  ])
  at = 0
  assert.deepEqual(await statusesOf(cluster.waitFor(hash, { everyMs: 1 })), ['pinned', 'pinned'])
  at = 0
  await assert.rejects(cluster.waitFor(hash, { status: 'unpinned', timeoutMs: 50, everyMs: 1 }), {
    code: 'TIMEOUT',
  })
  states.push(['pinned', 'pin_error'])
  at = 3
  await assert.rejects(cluster.waitFor(hash, { everyMs: 1 }), {
    code: 'REFUSED',
    message: /p1 says pin_error/,
  })
  assert.deepEqual(await statusesOf(cluster.waitFor(hash, { peers: 1, everyMs: 1 })), ['pinned', 'pin_error'])
})

test('an address that cannot be asked is refused', () => {
  for (const host of ['x', '/unix/run/api.sock', '/ip4/1.2.3.4/udp/1'])
    assert.throws(() => connect(host), { code: 'INVALID_ARGUMENT' })
  assert.throws(() => connect([]), { code: 'INVALID_ARGUMENT' })
})
