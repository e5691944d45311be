import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { openRestServer, type RestServer, until } from '../../test/support/rest-server.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import type { Cluster } from '../interfaces.ts'
import type { BulkResult } from '../model/bulk.ts'
import { parseCid } from '../model/cid.ts'
import { toPin } from '../model/pin.ts'
import { ACCESS_SCOPES, type AccessScope, covers } from '../model/token.ts'
import type { NewTokenJson } from '../model/token-json.ts'
import { readText } from './read-lines.ts'
import { type Route, routes } from './routes.ts'

const CID = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
const cid = parseCid(CID)
const options = { signal: AbortSignal.timeout(60_000) }
const users = { basic_auth_credentials: { root: 'password-of-root' } }
const ROOT = `Basic ${Buffer.from('root:password-of-root').toString('base64')}`

interface Seen {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

async function ask(
  server: RestServer,
  line: string,
  headers: http.OutgoingHttpHeaders = {},
  body = '',
): Promise<Seen> {
  const [method, path] = line.split(' ')
  const request = http.request({ host: '127.0.0.1', port: server.port, method, path, headers, agent: false })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await readText(response) }
}

async function makeToken(server: RestServer, wanted: NewTokenJson): Promise<string> {
  const { token } = await server
    .client({ basicAuth: 'root:password-of-root' })
    .createToken({ body: wanted }, options)
  assert.ok(token !== undefined)
  return token
}

/** A cluster that pins everything at once. */
function easyCluster(): Partial<Cluster> {
  return {
    pin: async wanted => toPin(wanted, {}),
    unpin: async wanted => toPin(wanted, {}),
    async *pinMany(lines) {
      for await (const chunk of lines) {
        yield chunk.map(({ line, wanted, cid: named }): BulkResult => {
          return { line, cid: named, outcome: wanted instanceof Error ? wanted : 'pinned' }
        })
      }
    },
    async *add(entries) {
      for await (const entry of entries) {
        if (entry.kind !== 'file') continue
        for await (const _chunk of entry.content);
        yield { name: entry.path, cid }
      }
    },
  }
}

test('on every route, who has less than its scope is refused before anything is done, who has it is not', async () => {
  // Whatever is asked of this cluster fails with a bug, which is a 500: only 403 comes from the gate.
  await using server = await openRestServer({}, users)
  const tokens = new Map<AccessScope, string>()
  for (const scope of ACCESS_SCOPES) tokens.set(scope, await makeToken(server, { name: `${scope}er`, scope }))
  for (const [name, { method, path, scope }] of Object.entries(routes) as [string, Route][]) {
    const target = path
      .replace(':hash', CID)
      .replace(':peer', '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv')
      .replace(':keyType', 'ipfs')
      .replace('*', CID)
      .replace(/:name/, 'none')
    const anonymous = await ask(server, `${method} ${target}`)
    assert.equal(anonymous.status === 401, scope !== 'open', `${name} without credentials`)
    for (const [has, token] of tokens) {
      const seen = await ask(server, `${method} ${target}`, { Authorization: `Bearer ${token}` })
      const isAllowed = scope === 'open' || covers(has, scope)
      const isRefused = seen.status === 403
      assert.equal(isRefused, !isAllowed, `${name} with ${has}: ${seen.status} ${seen.body}`)
      if (isRefused) assert.match(seen.body, /"reason":"FORBIDDEN"/)
    }
  }
})

test('a token works until it expires or is revoked', async () => {
  const clock = virtualClock(Date.parse('2030-01-01T00:00:00Z'))
  await using server = await openRestServer({ version: '1' }, users, clock)
  const expires_at = '2030-01-01T01:00:00Z'
  const short = {
    Authorization: `Bearer ${await makeToken(server, { name: 'short', scope: 'read', expires_at })}`,
  }
  const long = { Authorization: `Bearer ${await makeToken(server, { name: 'long', scope: 'read' })}` }
  assert.equal((await ask(server, 'GET /version', short)).status, 200)
  await clock.advance(3_600_000)
  const expired = await ask(server, 'GET /version', short)
  assert.equal(expired.status, 401)
  assert.match(String(expired.headers['www-authenticate']), /error="invalid_token"/)
  assert.match(expired.body, /the token has expired/)
  assert.equal((await ask(server, 'GET /version', long)).status, 200)
  assert.equal((await ask(server, 'DELETE /tokens/long', { Authorization: ROOT })).status, 200)
  assert.equal((await ask(server, 'GET /version', long)).status, 401)
})

test('too many requests within a second are 429 with the time to wait, and do nothing', async () => {
  const clock = virtualClock()
  let pinned = 0
  const pin = async () => {
    pinned += 1
    return toPin(cid, {})
  }
  await using server = await openRestServer({ pin }, users, clock)
  const token = await makeToken(server, { name: 'ci', scope: 'pin', limits: { requests_per_second: 2 } })
  const statuses: number[] = []
  for (let count = 0; count < 4; count++) {
    const seen = await ask(server, `POST /pins/${CID}`, { Authorization: `Bearer ${token}` })
    statuses.push(seen.status)
    if (seen.status === 429) assert.equal(seen.headers['retry-after'], '1')
  }
  assert.deepEqual(statuses, [200, 200, 429, 429])
  assert.equal(pinned, 2)
  await clock.advance(1000)
  assert.equal((await ask(server, `POST /pins/${CID}`, { Authorization: `Bearer ${token}` })).status, 200)
})

test('pins are counted however they are made; those that fail, and requests refused, are not', async () => {
  let isFailing = true
  const members = easyCluster()
  await using server = await openRestServer(
    {
      ...members,
      pin: async wanted => {
        if (isFailing) throw new Error('no')
        return toPin(wanted, {})
      },
    },
    users,
  )
  const token = await makeToken(server, { name: 'ci', scope: 'pin', limits: { pins: 4 } })
  const headers = { Authorization: `Bearer ${token}` }
  const used = async () =>
    (await server.client({ basicAuth: 'root:password-of-root' }).tokens({}, options))[0]?.used.pins
  assert.equal((await ask(server, `POST /pins/${CID}`, headers)).status, 500)
  assert.equal(await used(), 0)
  isFailing = false
  assert.equal((await ask(server, `POST /pins/${CID}`, headers)).status, 200)
  const lines = { ...headers, 'Content-Type': 'application/x-ndjson' }
  const bulk = await ask(server, 'POST /pins', lines, `${CID}\nnonsense\n${CID}\n${CID}\n${CID}\n`)
  const outcomes = bulk.body
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).status)
  assert.deepEqual(outcomes, ['pinned', 'error', 'pinned', 'pinned', 'error'])
  assert.match(bulk.body, /has made all 4 pins/)
  assert.equal(await used(), 4)
  const seen = await ask(server, `POST /pins/${CID}`, headers)
  assert.deepEqual([seen.status, JSON.parse(seen.body).reason], [403, 'FORBIDDEN'])
  assert.equal((await ask(server, `DELETE /pins/${CID}`, headers)).status, 200)
  assert.equal((await ask(server, `POST /pins/${CID}`, headers)).status, 403, 'unpinning gives none back')
  assert.equal(await used(), 4)
})

test('bytes of adds are counted as they come, and the add ends where they do', async () => {
  await using server = await openRestServer(easyCluster(), users)
  const token = await makeToken(server, { name: 'ci', scope: 'pin', limits: { bytes: 1000 } })
  const client = server.client({ token })
  const add = async (size: number) => {
    async function* content() {
      yield new Uint8Array(size)
    }
    async function* entries() {
      yield { kind: 'file', path: 'f', content: content() } as const
    }
    for await (const _record of client.add({ entries: entries() }, options));
  }
  await add(600)
  await assert.rejects(add(600), /may add 1000 bytes in all, of which 400 are left/)
  await add(400)
  await assert.rejects(add(1), /of which 0 are left/)
})

test('every change has an audit line that says who, what and how it ended, and no secrets', async () => {
  await using server = await openRestServer(easyCluster(), users)
  const token = await makeToken(server, { name: 'ci', scope: 'pin' })
  const headers = { Authorization: `Bearer ${token}` }
  await ask(server, 'GET /pins', headers)
  await ask(server, `POST /pins/${CID}?name=private-name`, headers)
  await ask(server, 'POST /pins/nonsense', headers)
  await ask(server, `DELETE /pins/ipfs/${CID}`, headers)
  await ask(server, 'POST /ipfs/gc', headers)
  await ask(server, 'POST /pins', { ...headers, 'Content-Type': 'application/x-ndjson' }, `${CID}\n${CID}\n`)
  await ask(server, 'DELETE /tokens/ci', { Authorization: ROOT })
  await until('all are told', () => server.audit.length >= 7)
  const lines = server.audit.map(({ message, fields }): Record<string, unknown> => ({ message, ...fields }))
  const common = { message: 'change', caller: 'token', callerName: 'ci', remote: '127.0.0.1' }
  assert.deepEqual(lines, [
    {
      ...common,
      caller: 'user',
      callerName: 'root',
      method: 'POST',
      route: '/tokens',
      status: 200,
      result: 'done',
      token: 'ci',
      scope: 'pin',
    },
    { ...common, method: 'POST', route: '/pins/:hash', hash: CID, status: 200, result: 'done' },
    {
      ...common,
      method: 'POST',
      route: '/pins/:hash',
      hash: 'nonsense',
      status: 400,
      result: 'INVALID_ARGUMENT',
      error: lines[2]?.['error'],
    },
    { ...common, method: 'DELETE', route: '/pins/ipfs/*', path: CID, status: 200, result: 'done' },
    {
      ...common,
      method: 'POST',
      route: '/ipfs/gc',
      status: 403,
      result: 'FORBIDDEN',
      error: 'POST /ipfs/gc needs the scope "admin": token "ci" has "pin"',
    },
    {
      ...common,
      method: 'POST',
      route: '/pins',
      status: 200,
      result: 'done',
      lines: 2,
      changed: 2,
      unchanged: 0,
      refused: 0,
    },
    {
      ...common,
      caller: 'user',
      callerName: 'root',
      method: 'DELETE',
      route: '/tokens/:name',
      token: 'ci',
      status: 200,
      result: 'done',
    },
  ])
  const all = JSON.stringify([server.audit, server.logger.lines])
  for (const secret of [token, 'password-of-root', ROOT.slice(6), 'private-name'])
    assert.ok(!all.includes(secret), `${secret.slice(0, 6)}… is in no log`)
})

test('guessing fills no log: a few lines, then one a second that counts the others', async () => {
  const clock = virtualClock()
  await using server = await openRestServer({ version: '1' }, users, clock)
  const guess = () => ask(server, 'GET /version', { Authorization: 'Bearer pf_guess' })
  for (let count = 0; count < 100; count++) assert.equal((await guess()).status, 401)
  const told = () => server.audit.filter(({ level }) => level === 'warn')
  assert.equal(told().length, 20)
  await clock.advance(1000)
  await guess()
  assert.equal(told().length, 21)
  assert.equal(told().at(-1)?.fields['untold'], 80)
})

test('pages of other origins ask before they send credentials, and may read why they are refused', async () => {
  const cors = { cors_allowed_origins: ['https://app.example'], cors_allowed_headers: ['authorization'] }
  await using server = await openRestServer({ version: '1' }, { ...users, ...cors })
  const Origin = 'https://app.example'
  const preflight = await ask(server, 'OPTIONS /version', {
    Origin,
    'Access-Control-Request-Method': 'GET',
    'Access-Control-Request-Headers': 'authorization',
  })
  assert.equal(preflight.status, 204)
  assert.equal(preflight.headers['access-control-allow-headers'], 'authorization')
  const token = await makeToken(server, { name: 'page', scope: 'read' })
  const refused = await ask(server, 'GET /tokens', { Origin, Authorization: `Bearer ${token}` })
  assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [403, Origin])
})

test('connections that send no request, or half of one, are closed, and others are served meanwhile', async () => {
  await using server = await openRestServer({ version: '1' }, { ...users, read_header_timeout: '1s' })
  const idle = Array.from({ length: 200 }, (_, number) => {
    const socket = net.connect(server.port, '127.0.0.1')
    if (number % 2 === 0) socket.write(`GET /version HTTP/1.1\r\nAuthorization: Bearer ${'x'.repeat(number)}`)
    return socket.on('error', () => undefined).resume()
  })
  assert.equal((await ask(server, 'GET /version', { Authorization: ROOT })).status, 200)
  await until('all are closed', () => idle.every(socket => socket.closed))
})

test('an answer that begins after the API was told to stop is an error, not half of a change', async () => {
  const asked = Promise.withResolvers<void>()
  const pin: Cluster['pin'] = (_cid, { signal }) => {
    asked.resolve()
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const server = await openRestServer({ pin }, users)
  const answer = ask(server, `POST /pins/${CID}`, { Authorization: ROOT })
  await asked.promise
  await server[Symbol.asyncDispose]()
  assert.equal((await answer).status, 503)
})
