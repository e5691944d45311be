import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventually } from '../../../test/support/eventually.ts'
import { openPinSvcServer } from '../../../test/support/pinsvc-server.ts'
import { sendRaw } from '../../../test/support/raw-http.ts'
import { ClusterError } from '../../errors.ts'
import type { PinRequests } from '../../interfaces.ts'
import { type Cid, parseCid } from '../../model/cid.ts'
import {
  formatRequestId,
  type PinRequest,
  type Requester,
  type RequestFilter,
  requestCid,
  type WantedRequest,
} from '../../model/pin-request.ts'

const CID = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
const PEER = '12D3KooWKuJ8LPTyHbyX4nt4C7uWmUobzFsiceTVoFw7HpmoNakM'
const ORIGIN = `/ip4/203.0.113.1/tcp/4001/p2p/${PEER}`
const ID = formatRequestId(requestCid(parseCid(CID), 1_700_000_000_123, new Uint8Array(6)))

type Asked =
  | { readonly wanted: WantedRequest; readonly by: Requester; readonly id?: Cid }
  | { readonly filter: RequestFilter }
  | { readonly id: Cid; readonly by: Requester }

/** Answers with one request, and keeps what was asked. */
function stub(more: Partial<PinRequest> = {}): PinRequests & { readonly asked: Asked[] } {
  const asked: Asked[] = []
  const answer = (wanted: WantedRequest): PinRequest => ({
    ...wanted,
    id: ID,
    createdMs: 1_700_000_000_123,
    status: 'queued',
    delegates: [ORIGIN],
    copies: undefined,
    error: '',
    ...more,
  })
  const plain = { cid: parseCid(CID), name: '', meta: {}, origins: [] }
  const only = ({ owner, isEveryOwner }: Requester) => ({ owner, isEveryOwner })
  return {
    asked,
    async add(wanted, by) {
      asked.push({ wanted, by: only(by) })
      return answer(wanted)
    },
    async replace(id, wanted, by) {
      asked.push({ id, wanted, by: only(by) })
      return answer(wanted)
    },
    async remove(id, by) {
      asked.push({ id, by: only(by) })
    },
    async get(id, by) {
      asked.push({ id, by: only(by) })
      return answer(plain)
    },
    async list(filter) {
      asked.push({ filter })
      return { count: 12, requests: [answer(plain)] }
    },
  }
}

const post = (body: unknown) => ({
  method: 'POST',
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

test('a request is answered as the specification has it, and its members reach the cluster', async () => {
  const requests = stub({ copies: { there: 1, wanted: 3 }, error: 'no provider' })
  await using server = await openPinSvcServer(requests)
  const pin = { cid: CID, name: 'site', origins: [ORIGIN], meta: { app: 'x' }, unknown: 1 }
  const answer = await fetch(`${server.url}/pins`, post(pin))
  assert.equal(answer.status, 202)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.deepEqual(await answer.json(), {
    requestid: ID,
    status: 'queued',
    created: '2023-11-14T22:13:20.123Z',
    pin: { cid: CID, name: 'site', origins: [ORIGIN], meta: { app: 'x' } },
    delegates: [ORIGIN],
    info: { copies: '1 of 3', status_details: 'no provider' },
  })
  const [asked] = requests.asked
  assert.ok(asked !== undefined && 'wanted' in asked)
  assert.deepEqual(
    [asked.wanted.name, asked.wanted.origins, asked.wanted.meta, asked.by],
    ['site', [ORIGIN], { app: 'x' }, { owner: '', isEveryOwner: true }],
  )
  const replaced = await fetch(`${server.url}/pins/${ID}`, post({ cid: CID, name: null }))
  assert.equal(replaced.status, 202)
  assert.deepEqual(((await replaced.json()) as { pin: unknown }).pin, { cid: CID })
  const removed = await fetch(`${server.url}/pins/${ID}`, { method: 'DELETE' })
  assert.deepEqual(
    [removed.status, await removed.text(), removed.headers.get('content-length')],
    [202, '', '0'],
  )
  assert.equal((await fetch(`${server.url}/pins/${ID}`)).status, 200)
  assert.equal((await fetch(`${server.url}/health`)).status, 204)
})

test('a name has 255 characters at most, of which one outside the basic plane counts as one', async () => {
  const requests = stub()
  await using server = await openPinSvcServer(requests)
  const longest = '\u{1f4cc}'.repeat(255)
  assert.equal((await fetch(`${server.url}/pins`, post({ cid: CID, name: longest }))).status, 202)
  assert.equal((await fetch(`${server.url}/pins`, post({ cid: CID, name: `${longest}n` }))).status, 400)
  assert.equal((await fetch(`${server.url}/pins?name=${encodeURIComponent(longest)}`)).status, 200)
})

test('a client that leaves in the middle of its request asks for nothing, and is no fault of the program', async () => {
  const requests = stub()
  await using server = await openPinSvcServer(requests)
  using client = await sendRaw(
    server.port,
    `POST /pins HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"cid":"${CID}"`,
  )
  client.socket.resetAndDestroy()
  await eventually('the attempt is in the audit', () => server.audit.length > 0)
  assert.deepEqual([requests.asked, server.complaints], [[], []])
})

test('a listing is asked for with every filter, by default the newest ten in any state', async () => {
  const requests = stub()
  await using server = await openPinSvcServer(requests)
  const plain = await fetch(`${server.url}/pins`)
  assert.equal(((await plain.json()) as { count: number }).count, 12)
  const query = new URLSearchParams({
    cid: `${CID},${CID}`,
    name: 'Cat',
    match: 'ipartial',
    status: 'queued,failed',
    before: '2030-01-01T00:00:00Z',
    after: '2020-01-01T02:00:00.5+02:00',
    limit: '1000',
    meta: '{"a":"b"}',
  })
  assert.equal((await fetch(`${server.url}/pins?${query}`)).status, 200)
  const none = {
    owner: undefined,
    cids: undefined,
    name: undefined,
    statuses: undefined,
    meta: {},
    limit: 10,
  }
  assert.deepEqual(requests.asked, [
    { filter: { ...none, beforeMs: undefined, afterMs: undefined } },
    {
      filter: {
        owner: undefined,
        cids: [parseCid(CID), parseCid(CID)],
        name: { text: 'Cat', match: 'ipartial' },
        beforeMs: Date.parse('2030-01-01T00:00:00Z'),
        afterMs: Date.parse('2020-01-01T00:00:00.500Z'),
        meta: { a: 'b' },
        statuses: new Set(['queued', 'failed']),
        limit: 1000,
      },
    },
  ])
})

test('every parameter and member that is out of bounds is refused with a reason and details, and asks for nothing', async () => {
  const requests = stub()
  await using server = await openPinSvcServer(requests)
  const refused = async (path: string, init: RequestInit, status = 400) => {
    const answer = await fetch(`${server.url}${path}`, init)
    const body = (await answer.json()) as { error: { reason: string; details: string } }
    assert.equal(
      answer.status,
      status,
      `${path} ${JSON.stringify(init).slice(0, 100)}: ${JSON.stringify(body)}`,
    )
    assert.deepEqual(Object.keys(body), ['error'])
    assert.match(body.error.reason, /^[A-Z_]+$/)
    assert.notEqual(body.error.details, '')
  }
  const cids = Array.from({ length: 11 }, () => CID).join(',')
  for (const query of [
    `cid=${cids}`,
    'cid=x',
    `cid=${CID},`,
    `name=${'n'.repeat(256)}`,
    'name=a&match=fuzzy',
    'match=fuzzy',
    'status=running',
    'status=pinned,',
    'before=yesterday',
    'after=2020-13-01T00:00:00Z',
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=1.5',
    'limit=ten',
    'meta=x',
    'meta=[]',
    'meta=null',
    'meta={"a":1}',
  ]) {
    await refused(`/pins?${query.replaceAll('"', '%22').replaceAll('{', '%7B').replaceAll('}', '%7D')}`, {})
  }
  for (const body of [
    '',
    '{',
    'null',
    '[]',
    '"x"',
    {},
    { cid: null },
    { cid: 5 },
    { cid: 'x' },
    { cid: CID, name: 5 },
    { cid: CID, name: 'n'.repeat(256) },
    { cid: CID, origins: ORIGIN },
    { cid: CID, origins: [5] },
    { cid: CID, origins: ['nonsense'] },
    { cid: CID, origins: Array.from({ length: 21 }, (_, at) => `/ip4/1.1.1.1/tcp/${at + 1}/p2p/${PEER}`) },
    { cid: CID, meta: [] },
    { cid: CID, meta: 'x' },
    { cid: CID, meta: { a: 1 } },
    { cid: CID, meta: { a: null } },
    { cid: CID, meta: { 'pinfold.request.owner': 'user:eve' } },
  ]) {
    await refused('/pins', post(body))
    await refused(`/pins/${ID}`, post(body))
  }
  await refused('/pins', post({ cid: CID, meta: { long: 'x'.repeat(70_000) } }), 413)
  for (const method of ['GET', 'DELETE']) {
    await refused('/pins/nonsense', { method })
    await refused(`/pins/${CID}`, { method }, 404)
    await refused(`/pins/${'b'.repeat(3000)}`, { method })
  }
  await refused('/pins/nonsense', post({ cid: CID }))
  await refused('/nothing', {}, 404)
  assert.deepEqual(requests.asked, [])
})

test('any document and any query gets an answer that is no fault of the server', async () => {
  await using server = await openPinSvcServer(stub())
  await fc.assert(
    fc.asyncProperty(fc.json(), fc.webQueryParameters(), fc.webSegment(), async (body, query, segment) => {
      for (const [path, init] of [
        ['/pins', post(body)],
        [`/pins?${query}`, {}],
        [`/pins/${segment === '' || segment.startsWith('.') ? 'x' : segment}`, post(body)],
      ] as const) {
        const answer = await fetch(server.url + path, init)
        assert.ok(answer.status < 500, `${answer.status} to ${path}`)
        await answer.text()
      }
    }),
    { numRuns: 60 },
  )
})

test('a wrong method is answered as the reference does', async () => {
  await using server = await openPinSvcServer(stub())
  const status = async (method: string, path: string) =>
    (await fetch(`${server.url}${path}`, { method })).status
  assert.deepEqual(
    [
      await status('DELETE', '/pins'),
      await status('GET', '/token'),
      await status('DELETE', '/token'),
      await status('DELETE', '/health'),
      await status('POST', '/health'),
      await status('PUT', '/pins'),
      await status('HEAD', '/pins'),
      await status('POST', '/openapi.json'),
    ],
    [404, 404, 405, 405, 405, 405, 405, 405],
  )
})

test('who may not is refused, each caller has requests of his own, and pins of tokens are counted', async () => {
  const requests = stub()
  await using server = await openPinSvcServer(requests, { basic_auth_credentials: { ann: 'secret' } })
  const reader = await server.token({ name: 'reader', scope: 'read' })
  const writer = await server.token({ name: 'writer', scope: 'pin', limits: { pins: 1 } })
  const ask = (authorization: string, init: RequestInit = {}, path = '/pins') =>
    fetch(server.url + path, { ...init, headers: authorization === '' ? {} : { authorization } })
  const basic = `Basic ${Buffer.from('ann:secret').toString('base64')}`
  const add = post({ cid: CID })
  assert.equal((await ask('')).status, 401)
  assert.equal((await ask('Bearer nonsense')).status, 401)
  assert.equal((await ask(basic)).status, 200)
  assert.equal((await ask(reader)).status, 200)
  const forbidden = await ask(reader, add)
  assert.equal(forbidden.status, 403)
  assert.equal(((await forbidden.json()) as { error: { reason: string } }).error.reason, 'FORBIDDEN')
  assert.equal((await ask(writer, add)).status, 202)
  assert.equal((await ask(writer, add)).status, 403, 'the one pin is used')
  const jwt = ((await (await ask(basic, post(''), '/token')).json()) as { token: string }).token
  assert.equal((await ask(`Bearer ${jwt}`)).status, 200)
  const owners = requests.asked.map(asked => ('filter' in asked ? asked.filter.owner : asked.by.owner))
  assert.deepEqual(owners, ['user:ann', 'token:reader', 'token:writer', 'user:ann'])
  assert.ok(server.audit.some(line => JSON.stringify(line).includes(CID)))
})

test('pages of other origins may read answers as configured', async () => {
  await using server = await openPinSvcServer(stub(), { cors_allowed_methods: ['GET', 'POST'] })
  const answer = await fetch(`${server.url}/pins`, { headers: { origin: 'https://example.org' } })
  assert.equal(answer.headers.get('access-control-allow-origin'), '*')
  const preflight = await fetch(`${server.url}/pins`, {
    method: 'OPTIONS',
    headers: { origin: 'https://example.org', 'access-control-request-method': 'POST' },
  })
  assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-methods')], [204, 'POST'])
})

test('what the cluster refuses is told with its code, and a fault of the program with no more than that', async () => {
  const failing = (error: Error): PinRequests => ({
    ...stub(),
    async add() {
      throw error
    },
  })
  for (const [error, status, reason] of [
    [new ClusterError('NOT_ENOUGH_PEERS', 'too few'), 500, 'NOT_ENOUGH_PEERS'],
    [new ClusterError('READ_ONLY', 'the disk failed'), 503, 'READ_ONLY'],
    [new Error('broken'), 500, 'INTERNAL'],
  ] as const) {
    await using server = await openPinSvcServer(failing(error))
    const answer = await fetch(`${server.url}/pins`, post({ cid: CID }))
    assert.equal(answer.status, status)
    assert.deepEqual(await answer.json(), { error: { reason, details: error.message } })
  }
})
