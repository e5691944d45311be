import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { Value } from 'typebox/value'
import { type RestApiSection, restApiSchema, toRestApiConfig } from '../../src/api/config.ts'
import { readText } from '../../src/api/read-lines.ts'
import { openRestApi, type RestApi } from '../../src/api/rest.ts'
import { openTokens, type Tokens } from '../../src/api/tokens/tokens.ts'
import type { Cluster } from '../../src/interfaces.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { replayCluster } from '../support/replay-cluster.ts'
import { silentLogger } from '../support/silent-logger.ts'

type Pairs = readonly (readonly [name: string, value: string])[]

/** An exchange with the reference system. */
interface Recording {
  readonly name: string
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers: Pairs
    readonly body: string | { readonly base64: string }
  }
  readonly response: {
    readonly status: number
    readonly headers: Pairs
    readonly trailers: Pairs | null
    readonly body: string
  }
}

const recordings = readFileSync(new URL('../recordings/rest.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line) as Recording)

const credentials = { alice: 'secret1', bob: 'pa:ss' }
const headers = { 'X-Extra': ['a', 'b'], 'X-Other': ['c'] }
/** What was configured when the recordings were made, by the beginning of their names. */
const SETTINGS: Readonly<Record<string, Partial<RestApiSection>>> = {
  auth: { basic_auth_credentials: credentials, headers },
  bearer: { basic_auth_credentials: credentials, headers },
  'token-no-auth-given': { basic_auth_credentials: credentials, headers },
  'token-no-auth': {},
  token: { basic_auth_credentials: credentials, headers },
  cors2: {
    basic_auth_credentials: credentials,
    headers,
    cors_allowed_origins: ['https://a.example', 'https://*.b.example'],
    cors_allowed_methods: ['GET', 'POST'],
    cors_allowed_headers: ['X-Custom'],
    cors_exposed_headers: ['x-foo'],
    cors_allow_credentials: false,
    cors_max_age: '10m',
  },
  cors3: {
    cors_allowed_origins: [],
    cors_allowed_methods: [],
    cors_exposed_headers: [],
    cors_allow_credentials: false,
  },
  '': {},
}

/** Where this server differs on purpose: texts that say more, accidents of the reference, parts that do not exist. */
const OTHER_TEXT = new Set(['144-pins-ipfs-recover', '153-unpin-path-bad'])

const servers = new Map<string, Promise<RestApi>>()
let cluster: Cluster = replayCluster({ status: 200, body: '', streamError: '' })
/** The recording under way decides what the cluster says. */
const current = new Proxy({} as Cluster, { get: (_target, member) => Reflect.get(cluster, member) })

let opening: Promise<Tokens> | undefined
/** A file that nothing is written to: these requests make no tokens. */
function tokensOf(): Promise<Tokens> {
  const parts = { clock: systemClock, random: systemRandom, logger: silentLogger() }
  opening ??= openTokens(parts, join(tmpdir(), 'no-such-folder', 'api-tokens.json'))
  return opening
}

function serverOf(name: string): Promise<RestApi> {
  const settings = Object.keys(SETTINGS).find(prefix => name.slice(4).startsWith(prefix)) ?? ''
  const open = async () => {
    const section = {
      ...Value.Create(restApiSchema),
      http_listen_multiaddress: '/ip4/127.0.0.1/tcp/0',
      ...SETTINGS[settings],
    }
    const parts = {
      cluster: current,
      clock: systemClock,
      logger: silentLogger(),
      auditLogger: silentLogger(),
      tokens: await tokensOf(),
      meter: createNoopMeter(),
    }
    return openRestApi(parts, toRestApiConfig(section))
  }
  const server = servers.get(settings) ?? open()
  servers.set(settings, server)
  return server
}

after(async () => {
  for (const server of servers.values()) await (await server)[Symbol.asyncDispose]()
  await (await tokensOf())[Symbol.asyncDispose]()
})

interface Seen {
  readonly status: number
  readonly headers: Pairs
  readonly trailers: Pairs
  readonly body: string
}

async function replay(server: RestApi, { request }: Recording): Promise<Seen> {
  const port = Number(server.addresses[0]?.split('/').at(-1))
  const sent = http.request({
    host: '127.0.0.1',
    port,
    method: request.method,
    path: request.path,
    headers: Object.fromEntries(request.headers),
    agent: false,
  })
  sent.end(typeof request.body === 'string' ? request.body : Buffer.from(request.body.base64, 'base64'))
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve)
    sent.on('error', reject)
  })
  const body = await readText(response)
  return {
    status: response.statusCode ?? 0,
    headers: toPairs(response.rawHeaders),
    trailers: toPairs(response.rawTrailers),
    body,
  }
}

function toPairs(raw: readonly string[]): Pairs {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1] ?? ''] as const] : []))
}

/** Times to the millisecond in UTC, nanosecond counts to the millisecond: what the model keeps. */
function normalise(body: string): string {
  const time = /"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"/g
  return body
    .replace(time, text => {
      const ms = Date.parse(JSON.parse(text))
      return ms < 0 ? '"zero"' : `"${new Date(ms).toISOString()}"`
    })
    .replace(/\d{19}/g, digits => `${digits.slice(0, 13)}000000`)
}

function documentsOf(body: string): readonly unknown[] {
  return body
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(normalise(line)) as unknown)
}

/** States of single CIDs come in the order in which they were found out. */
function inOrder(name: string, body: string): readonly unknown[] {
  const documents = [...documentsOf(body)]
  const keyOf = (document: unknown) => JSON.stringify(document)
  return name === '128-pins-cids' ? documents.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) : documents
}

/** Members that our answers of a path have besides. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  '/health/alerts': ['kind', 'severity', 'subject', 'message', 'cleared_at'],
}

/** Our answer without what the reference's does not have; that must be there in each document. */
function asTheirs(path: string, documents: readonly unknown[]): readonly unknown[] {
  const added = ADDED[path]
  if (added === undefined) return documents
  const strip = (document: unknown): unknown => {
    if (Array.isArray(document)) return document.map(strip)
    if (typeof document !== 'object' || document === null) return document
    return Object.fromEntries(Object.entries(document).filter(([key]) => !added.includes(key)))
  }
  return documents.map(strip)
}

/** Framing is the HTTP library's own, and the announcement of trailers is not allowed without chunks. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'trailer', 'connection', 'date'])

function compareHeaders(seen: Pairs, expected: Pairs): void {
  const named = (pairs: Pairs, name: string) =>
    pairs.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
  for (const name of new Set(expected.map(([name]) => name.toLowerCase()))) {
    if (!FRAMING.has(name)) assert.deepEqual(named(seen, name), named(expected, name), `header ${name}`)
  }
  const isCors = (name: string) => name.startsWith('access-control-')
  const extra = seen.filter(([name]) => isCors(name) && named(expected, name).length === 0)
  assert.deepEqual(extra, [], 'no other cross-origin headers')
}

function compareError(seen: string, expected: string, name: string): void {
  const [first = ''] = expected.split('\n')
  const { code, message } = JSON.parse(first) as { readonly code: number; readonly message: string }
  const documents = seen.trim().split('\n')
  assert.equal(documents.length, 1, 'one document, never two')
  const own = JSON.parse(documents[0] ?? '') as {
    readonly code: number
    readonly message: string
    reason: string
  }
  assert.equal(own.code, code)
  assert.match(own.reason, /^[A-Z_]+$/)
  if (OTHER_TEXT.has(name)) return
  // What stands behind a colon is said in the words of each implementation.
  const [begin = ''] = code === 400 ? message.split(/: /, 1) : [message]
  assert.ok(own.message.startsWith(begin), `"${own.message}" begins with "${begin}"`)
}

for (const recording of recordings) {
  const { name, response: expected } = recording
  test(`${name}: ${recording.request.method} ${recording.request.path.slice(0, 60)}`, async () => {
    const streamError = expected.trailers?.map(([, value]) => value).find(value => value !== '') ?? ''
    cluster = replayCluster({ status: expected.status, body: expected.body, streamError })
    const seen = await replay(await serverOf(name), recording)
    const isAdd = recording.request.path.startsWith('/add') && expected.status === 200
    const isIterated = !isAdd && expected.status === 200 && expected.trailers !== null
    assert.equal(seen.status, expected.status, seen.body)
    if (expected.status === 431) return
    compareHeaders(seen.headers, expected.headers)
    if (expected.status >= 400 && expected.body !== '') compareError(seen.body, expected.body, name)
    else if (expected.status >= 300) assert.equal(seen.body, expected.body)
    else if (!recording.request.path.startsWith('/health/bandwidth'))
      assert.deepEqual(
        asTheirs(recording.request.path, inOrder(name, seen.body)),
        inOrder(name, expected.body),
      )
    const errors = seen.trailers.map(([, value]) => value)
    if (isAdd) assert.deepEqual(errors, streamError === '' ? [] : [streamError])
    if (isIterated && expected.trailers.length > 0)
      assert.deepEqual(errors, streamError === '' ? [''] : ['', streamError])
  })
}
