import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { openRestServer } from '../../test/support/rest-server.ts'
import { stubCluster } from '../../test/support/stub-cluster.ts'
import type { Cluster } from '../interfaces.ts'
import { readText } from './read-lines.ts'

const CID = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const users = { basic_auth_credentials: { root: 'pass:word', jürgen: 'pässwörd' } }
const CHANGES = [
  `/pins/${CID}`,
  `/pins/ipfs/${CID}`,
  '/pins',
  '/ipfs/gc',
  `/trust/${PEER}`,
  '/tokens',
  '/tokens/root',
  '/state/import',
  '/add',
]
const TRICKS: readonly ((path: string) => string)[] = [
  path => path,
  path => `/${path}`,
  path => `/.${path}`,
  path => `/x/..${path}`,
  path => `/health/..${path}`,
  path => `/health/%2e%2e${path}`,
  path => `/health%2f..${path}`,
  path => `${path}/`,
  path => `${path}/.`,
  path => `${path}%2f`,
  path => `${path}?_method=DELETE`,
  path => `${path};a=b`,
  path => `${path}#/health`,
  path => `${path}%00`,
  path => path.replace('/p', '/%70'),
  path => path.toUpperCase(),
  path => path.replaceAll('/', '\\'),
  path => `http://root@x${path}`,
  path => `http://x/${path}`,
]
const METHODS = ['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'QUERY']
const OVERRIDES = {
  'X-HTTP-Method-Override': 'DELETE',
  'X-HTTP-Method': 'DELETE',
  'X-Original-URL': '/health',
  'X-Rewrite-URL': '/health',
  'X-Forwarded-For': '127.0.0.1',
  Forwarded: 'for=127.0.0.1',
  'Access-Control-Request-Method': 'GET',
}
/** What only asks. */
const QUESTIONS: ReadonlySet<string> = new Set(
  (
    'id peers pinset pinsets trust allocation allocations status statuses summaries why repoStat graph events alerts ' +
    'metricNames metrics explainAllocation'
  ).split(' '),
)

/** A cluster that writes down what is asked of it, and refuses it. */
function listening(): { readonly cluster: Partial<Cluster>; readonly asked: string[] } {
  const asked: string[] = []
  const members = Object.entries(stubCluster({})).map(([name, member]): [string, unknown] => [
    name,
    typeof member !== 'function'
      ? member
      : () => {
          asked.push(name)
          throw new Error('it is asked')
        },
  ])
  return { cluster: Object.fromEntries(members) as Partial<Cluster>, asked }
}

test('no trick with paths, methods or headers gets past the gate or beyond a scope', async () => {
  const { cluster, asked } = listening()
  await using server = await openRestServer(cluster, users)
  const { token } = await server
    .client({ basicAuth: 'root:pass:word' })
    .createToken({ body: { name: 'reader', scope: 'read' } }, { signal: AbortSignal.timeout(10_000) })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  const ask = async (method: string, path: string, headers: http.OutgoingHttpHeaders) => {
    const request = http.request({ host: '127.0.0.1', port: server.port, method, path, headers, agent })
    request.end()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    return { status: response.statusCode ?? 0, body: await readText(response) }
  }
  const tokensBefore = server.audit.length
  for (const change of CHANGES) {
    for (const method of METHODS) {
      const byNobody = await Promise.all(TRICKS.map(trick => ask(method, trick(change), OVERRIDES)))
      for (const [at, { status, body }] of byNobody.entries())
        assert.ok(status > 200 || method === 'OPTIONS', `${method} ${change}, trick ${at}: ${status} ${body}`)
      assert.deepEqual(asked, [], `${method} ${change} by nobody`)
      const reader = { ...OVERRIDES, Authorization: `Bearer ${token}` }
      for (const { body } of await Promise.all(TRICKS.map(trick => ask(method, trick(change), reader))))
        assert.ok(!body.includes('pf_'), `${method} ${change} makes a token`)
      assert.deepEqual(
        asked.splice(0).filter(name => !QUESTIONS.has(name)),
        [],
        `${method} ${change} by a reader`,
      )
    }
  }
  agent.destroy()
  const done = server.audit.slice(tokensBefore).filter(({ fields }) => fields['result'] === 'done')
  assert.deepEqual(done, [], 'nothing was changed')
})

test('credentials of odd bytes are compared as they are, and over-long ones are refused', async () => {
  await using server = await openRestServer({ version: '1' }, users)
  const ask = async (authorization: string) => {
    const request = http.get({
      host: '127.0.0.1',
      port: server.port,
      path: '/version',
      agent: false,
      headers: { Authorization: authorization },
    })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    return response.statusCode
  }
  const basic = (bytes: Buffer | string) => `Basic ${Buffer.from(bytes).toString('base64')}`
  assert.equal(await ask(basic('root:pass:word')), 200)
  assert.equal(await ask(basic('jürgen:pässwörd')), 200)
  for (const wrong of [
    basic(Buffer.from('jürgen:pässwörd', 'latin1')),
    basic('root:pass:word\u0000'),
    basic('root\u0000:pass:word'),
    basic('root:pass'),
    basic('root:pass:word '),
    basic('Root:pass:word'),
    basic(`root:${'x'.repeat(4000)}`),
    'Basic cm9vdDpwYXNzOndvcmQ',
    'Basic  cm9vdDpwYXNzOndvcmQ=',
    'Basic cm9vdDpwYXNzOndvcmQ=, Basic cm9vdDpwYXNzOndvcmQ=',
    `Bearer ${'x'.repeat(5000)}`,
    'Bearer \u00ff.\u00fe.\u00fd',
    'Bearer ..',
    'Bearer pf_',
    'Negotiate x',
  ])
    assert.equal(await ask(wrong), 401, wrong.slice(0, 60))
  assert.equal(await ask(`Bearer ${'x'.repeat(10_000)}`), 431)
})

test('the origin of sandboxed pages is let in only where every origin is', async () => {
  const askAs = async (settings: Parameters<typeof openRestServer>[1], origin: string) => {
    await using server = await openRestServer({ version: '1' }, settings)
    const response = await fetch(`http://127.0.0.1:${server.port}/version`, { headers: { Origin: origin } })
    await response.text()
    return response.headers.get('access-control-allow-origin')
  }
  assert.equal(await askAs({}, 'null'), '*')
  const some = { cors_allowed_origins: ['https://app.example', 'https://*.pages.example'] }
  assert.equal(await askAs(some, 'null'), null)
  assert.equal(await askAs(some, 'https://app.example.evil.example'), null)
  assert.equal(await askAs(some, 'https://a.pages.example'), 'https://a.pages.example')
})
