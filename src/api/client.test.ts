import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Check } from 'typebox/schema'
import { askTokens } from '../../test/support/ask-tokens.ts'
import { askBulk, echoBulk } from '../../test/support/echo-bulk.ts'
import { askCare, echoCare } from '../../test/support/echo-care.ts'
import { askInsight, echoInsight, exampleAlert } from '../../test/support/echo-insight.ts'
import { askTrust, echoTrust } from '../../test/support/echo-trust.ts'
import { collect, openRestServer } from '../../test/support/rest-server.ts'
import { ClusterError } from '../errors.ts'
import type { Cluster } from '../interfaces.ts'
import type { AddEntry } from '../model/add.ts'
import { toAlertJson } from '../model/alert-json.ts'
import { parseCid } from '../model/cid.ts'
import { toMetricJson } from '../model/metric-json.ts'
import { toPeerJson } from '../model/peer-json.ts'
import { toPin } from '../model/pin.ts'
import { toPinJson, toSubmittedPinJson } from '../model/pin-json.ts'
import { toGlobalPinInfoJson } from '../model/status-json.ts'
import { openClient } from './client.ts'
import { type Route, type Routes, routes } from './routes.ts'

const options = { signal: AbortSignal.timeout(60_000) }
const cid = parseCid('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq')
const hash = cid.toString()
const peer = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const pin = toPin(cid, { allocations: [peer], timestampMs: Date.UTC(2022, 2, 1) })
const info = {
  id: peer,
  addresses: [],
  clusterPeers: [peer],
  clusterPeersAddresses: [],
  version: '1',
  rpcProtocolVersion: 'x',
  error: '',
  ipfs: { id: undefined, addresses: [], error: 'down' },
  peername: 'ü',
}
const state = {
  peername: 'one',
  ipfsPeerId: undefined,
  ipfsPeerAddresses: [],
  status: 'pinned',
  timestampMs: Date.UTC(2022, 2, 1),
  error: '',
  attemptCount: 0,
  isPriority: false,
} as const
const status = { cid, pin, createdMs: Date.UTC(2022, 2, 1), peers: new Map([[peer, state]]) }
const metric = {
  name: 'freespace',
  peer,
  value: '5',
  weight: 5,
  isPartitionable: false,
  isValid: true,
  ttlMs: 30_000,
  receivedAtMs: 1_646_136_000_123,
  expireAtMs: 1_646_136_030_123,
}
const alert = exampleAlert(peer)

/** A cluster that answers everything, and tells what it was asked. */
function talkativeCluster(asked: unknown[]): Partial<Cluster> {
  const plain = (args: readonly unknown[]) =>
    args.map(arg =>
      typeof arg === 'object' && arg !== null && 'signal' in arg ? { ...arg, signal: undefined } : arg,
    )
  const answer =
    <Value>(name: string, value: Value) =>
    async (...args: readonly unknown[]) => {
      asked.push([name, ...plain(args)])
      return value
    }
  const stream = <Value>(name: string, value: Value) =>
    async function* (...args: readonly unknown[]) {
      asked.push([name, ...plain(args)])
      yield value
    }
  return {
    version: '1.2.3',
    id: answer('id', info),
    peers: stream('peers', info),
    addPeer: answer('addPeer', info),
    pin: answer('pin', pin),
    pinPath: answer('pinPath', pin),
    unpin: answer('unpin', pin),
    unpinPath: answer('unpinPath', pin),
    allocation: answer('allocation', pin),
    allocations: stream('allocations', pin),
    status: answer('status', status),
    statuses: stream('statuses', status),
    recover: answer('recover', status),
    recoverAll: stream('recoverAll', status),
    gc: stream('gc', { peer, peername: 'one', keys: [{ cid }, { error: 'no' }], error: '' }),
    graph: answer('graph', {
      self: peer,
      peernames: new Map([[peer, 'one']]),
      clusterLinks: new Map([[peer, []]]),
      trusted: new Map([[peer, true]]),
      clusterToIpfs: new Map(),
      ipfsLinks: new Map(),
      health: new Map([[peer, { peer, condition: 'suspect', phi: 3.14, heardAtMs: 5, sinceMs: 6 }]]),
      failures: new Map([[peer, 'it is slow']]),
      sights: new Map([[peer, [{ peer, condition: 'alive', phi: 0, isTrusted: true, latencyMs: 1.5 }]]]),
    }),
    alerts: () => [alert],
    metricNames: () => ['ping'],
    metrics: () => [metric],
    ...echoBulk(),
    ...echoTrust(peer),
    ...echoCare(peer),
    ...echoInsight(cid, peer),
    async *add(entries) {
      for await (const entry of entries) {
        const content = entry.kind === 'file' ? Buffer.concat(await collect(entry.content)).toString() : ''
        yield { name: `${entry.kind} ${entry.path} ${content}`, cid, size: content.length }
      }
    },
  }
}

test('every route goes from the client to the cluster and back, in documents of its schema', async () => {
  const asked: unknown[] = []
  await using server = await openRestServer(talkativeCluster(asked), { basic_auth_credentials: { a: 'b' } })
  const client = server.client({ basicAuth: 'a:b' })
  async function* entries(): AsyncIterable<AddEntry> {
    async function* content() {
      yield Buffer.from('hello')
    }
    yield { kind: 'file', path: 'a b/ü', content: content() }
  }
  const path = { keyType: 'ipfs', path: `${hash}/a b/ü?#%` } as const
  const answers: { readonly [Name in keyof Routes]: unknown } = {
    id: await client.id({}, options),
    version: await client.version({}, options),
    peers: await collect(client.peers({}, options)),
    addPeer: await client.addPeer({ body: { peer_id: peer } }, options),
    add: await collect(client.add({ entries: entries() }, options)),
    allocations: await collect(client.allocations({ query: { filter: 'pin' } }, options)),
    allocation: await client.allocation({ params: { hash } }, options),
    statuses: await collect(client.statuses({ query: { filter: 'pinned', local: 'true' } }, options)),
    ...(await askBulk(client, hash, options)),
    ...(await askTrust(client, peer, options)),
    ...(await askTokens(client, options)),
    ...(await askCare(client, peer, options)),
    recover: await client.recover({ params: { hash }, query: { local: 'true' } }, options),
    recoverAll: await collect(client.recoverAll({}, options)),
    status: await client.status({ params: { hash } }, options),
    pin: await client.pin({ params: { hash }, query: { name: 'a&b', 'meta-k': 'v w' } }, options),
    pinPath: await client.pinPath({ params: path, query: { mode: 'direct' } }, options),
    unpin: await client.unpin({ params: { hash } }, options),
    unpinPath: await client.unpinPath({ params: path }, options),
    gc: await client.gc({}, options),
    ...(await askInsight(client, hash, options)),
    openapi: await client.openapi({}, options),
    docs: await client.docs({}, options),
    health: await client.health({}, options),
  }
  for (const [name, answer] of Object.entries(answers)) {
    const { reply, streams }: Route = routes[name as keyof Routes]
    if (reply === undefined) continue
    // Bigints are integers on the wire; the validator knows only numbers.
    const plain = JSON.parse(
      JSON.stringify(answer, (_key, value) => (typeof value === 'bigint' ? Number(value) : value)),
    )
    for (const document of streams === true ? plain : [plain])
      assert.ok(Check(reply, document), `${name} fits its schema`)
  }
  assert.deepEqual(answers.id, toPeerJson(info))
  assert.deepEqual(answers.pin, toSubmittedPinJson(pin))
  assert.deepEqual(answers.unpin, toPinJson(pin))
  assert.deepEqual(answers.status, toGlobalPinInfoJson(status, false))
  assert.deepEqual(answers.metrics, [toMetricJson(metric)])
  assert.deepEqual(answers.alerts, [toAlertJson(alert)])
  assert.deepEqual(answers.add, [{ name: 'file a b/ü hello', cid: hash, size: 5 }])
  assert.equal(answers.health, undefined)
  assert.equal(answers.removePeer, undefined)
  const of = (name: string) =>
    asked.find(call => Array.isArray(call) && call[0] === name) as readonly unknown[]
  assert.equal(of('pinPath')[1], `/ipfs/${hash}/a b/ü?#%`)
  assert.deepEqual(of('allocations')[1], { types: new Set(['pin']) })
  assert.deepEqual(of('recover')[2], { local: true, signal: undefined })
  const pinned = of('pin')[2] as typeof pin
  assert.equal(pinned.name, 'a&b')
  assert.deepEqual(pinned.metadata, { k: 'v w' })
})

test('integers of 64 bits arrive with all digits', async () => {
  await using server = await openRestServer({ metrics: () => [metric] })
  const [seen] = await server.client().metrics({ params: { name: 'x' } }, options)
  assert.equal(seen?.expire, 1_646_136_030_123_000_000n)
})

test('an error of the server comes back with its code, its message and its status', async () => {
  await using server = await openRestServer({
    allocation: () => Promise.reject(new ClusterError('NOT_FOUND', 'pin is not part of the pinset')),
    id: () => Promise.reject(new ClusterError('IPFS_UNAVAILABLE', 'no IPFS ✗')),
  })
  const client = server.client()
  const missing = { code: 'NOT_FOUND', message: 'pin is not part of the pinset', details: { status: 404 } }
  await assert.rejects(client.allocation({ params: { hash } }, options), missing)
  await assert.rejects(client.id({}, options), {
    code: 'IPFS_UNAVAILABLE',
    message: 'no IPFS ✗',
    details: { status: 500 },
  })
})

test('credentials are sent, and refused when they are wrong', async () => {
  const settings = { basic_auth_credentials: { alice: 'pa:ss' } }
  await using server = await openRestServer({ version: '1' }, settings)
  assert.deepEqual(await server.client({ basicAuth: 'alice:pa:ss' }).version({}, options), { version: '1' })
  const refused = { code: 'UNAUTHENTICATED', details: { status: 401 } }
  await assert.rejects(server.client({ basicAuth: 'alice:x' }).version({}, options), refused)
  await assert.rejects(server.client().version({}, options), refused)
  await server.client().health({}, options)
})

test('when nobody listens the message says so, and what to do', async () => {
  const free = net.createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const address = `/ip4/127.0.0.1/tcp/${(free.address() as AddressInfo).port}`
  free.close()
  await once(free, 'close')
  for (const host of [address, '/unix/no/such/socket']) {
    await assert.rejects(openClient({ hosts: [host], timeoutMs: 0 }).id({}, options), (thrown: unknown) => {
      assert.ok(thrown instanceof ClusterError)
      assert.equal(thrown.code, 'NOT_READY')
      assert.deepEqual(thrown.details, {})
      assert.ok(thrown.message.startsWith(`no daemon answers at ${host}: is it running?`), thrown.message)
      return true
    })
  }
  await using server = await openRestServer({ version: '1' })
  const client = openClient({ hosts: [address, server.address], timeoutMs: 0 })
  assert.deepEqual(await client.version({}, options), { version: '1' }, 'the next host is asked')
})

/** A server that answers each request as told. */
async function openOddServer(
  answer: http.RequestListener,
): Promise<AsyncDisposable & { readonly address: string }> {
  const server = http.createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

test('what answers but is no such API is said in words', async () => {
  const other = net.createServer(socket => socket.end('220 mail.example.org\r\n'))
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  try {
    const address = other.address()
    assert.ok(typeof address === 'object' && address !== null)
    const ask = (host: string) => openClient({ hosts: [host], timeoutMs: 0 }).id({}, options)
    await assert.rejects(ask(`http://127.0.0.1:${address.port}`), /it does not speak HTTP; .*HPE_/)
    await assert.rejects(ask(`https://127.0.0.1:${address.port}`), /it does not speak TLS; .*EPROTO/)
  } finally {
    other.close()
  }
})

test('a stream that is cut throws, as do error trailers, announced or not', async () => {
  await using server = await openOddServer((request, response) => {
    response.write('{"id":"a"}\n{"id":')
    if (request.url === '/peers') setImmediate(() => response.destroy())
    else {
      response.write('"b"}')
      response.addTrailers([
        ['X-Stream-Error', ''],
        ['x-stream-error', 'one'],
        ['X-Stream-Error', 'two'],
      ])
      response.end()
    }
  })
  const client = openClient({ hosts: [server.address], timeoutMs: 0 })
  await assert.rejects(collect(client.peers({}, options)), { code: 'PEER_UNREACHABLE', details: {} })
  const seen: unknown[] = []
  const read = async () => {
    for await (const document of client.allocations({}, options)) seen.push(document)
  }
  await assert.rejects(read(), { message: 'one; two', details: { status: 500 } })
  assert.deepEqual(seen, [{ id: 'a' }, { id: 'b' }])
})

test('answers that are no JSON are errors with the status that they came with', async () => {
  await using server = await openOddServer((request, response) => {
    response.statusCode = request.url === '/version' ? 200 : 502
    response.end('<html>')
  })
  const client = openClient({ hosts: [server.address], timeoutMs: 0 })
  await assert.rejects(client.version({}, options), { code: 'INTERNAL', details: { status: 200 } })
  await assert.rejects(client.id({}, options), {
    code: 'PEER_UNREACHABLE',
    message: '<html>',
    details: { status: 502 },
  })
  await assert.rejects(collect(client.peers({}, options)), { details: { status: 502 } })
})

test('redirects are followed, in circles only so far', async () => {
  await using server = await openOddServer((request, response) => {
    const to = request.url === '/version' ? '/elsewhere' : request.url === '/id' ? '/id' : undefined
    if (to !== undefined) response.writeHead(307, { Location: to })
    response.end(to === undefined ? '{"version":"9"}' : '')
  })
  const client = openClient({ hosts: [server.address], timeoutMs: 0 })
  assert.deepEqual(await client.version({}, options), { version: '9' })
  await assert.rejects(client.id({}, options), /redirects in a circle/)
})

test('a call ends with the time-out, and with the signal of its caller', async () => {
  await using server = await openOddServer(() => undefined)
  const hasty = openClient({ hosts: [server.address], timeoutMs: 20 })
  await assert.rejects(hasty.id({}, options), { code: 'TIMEOUT' })
  const stopping = new AbortController()
  const reason = new Error('stopped on purpose')
  const call = openClient({ hosts: [server.address], timeoutMs: 0 }).id({}, { signal: stopping.signal })
  stopping.abort(reason)
  await assert.rejects(call, reason)
})

test('a file that cannot be read is what an upload fails with', async () => {
  await using server = await openRestServer(talkativeCluster([]))
  const broken = new Error('disk on fire')
  async function* content() {
    yield Buffer.from('x')
    throw broken
  }
  async function* entries(): AsyncIterable<AddEntry> {
    yield { kind: 'file', path: 'a', content: content() }
  }
  await assert.rejects(collect(server.client().add({ entries: entries() }, options)), broken)
})

test('an upload that is refused early ends early, with the reason', async () => {
  await using server = await openRestServer({
    add() {
      throw new ClusterError('NOT_ENOUGH_PEERS', 'not enough peers')
    },
  })
  let sent = 0
  async function* endless() {
    for (;;) {
      yield new Uint8Array(64 * 1024)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  async function* entries(): AsyncIterable<AddEntry> {
    yield { kind: 'file', path: 'a', content: endless() }
  }
  const call = collect(
    server.client().add({ entries: entries() }, { ...options, onSent: bytes => void (sent = bytes) }),
  )
  await assert.rejects(call, { message: 'not enough peers' })
  assert.ok(sent > 0)
})

test('a unix socket serves, and one that a killed process left is replaced', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rest-'))
  const path = join(folder, 'api.sock')
  // A child that is killed leaves its socket file behind.
  const { spawn } = await import('node:child_process')
  const child = spawn(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(${JSON.stringify(path)},()=>console.log(1))`,
  ])
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'close')
  {
    await using server = await openRestServer({ version: '1' }, { http_listen_multiaddress: `/unix${path}` })
    assert.equal(server.address, `/unix${path}`)
    assert.deepEqual(await server.client().version({}, options), { version: '1' })
    await assert.rejects(openRestServer({}, { http_listen_multiaddress: `/unix${path}` }), {
      code: 'CONFLICT',
    })
  }
  await rm(folder, { recursive: true })
})
