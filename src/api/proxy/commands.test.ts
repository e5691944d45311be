import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf } from '../../../test/support/cluster-peers.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { answerTo, serveFakeKubo, serveProxy } from '../../../test/support/proxy-server.ts'
import { virtualClock } from '../../../test/support/virtual-clock.ts'
import { ClusterError } from '../../errors.ts'
import type { Cluster, Options } from '../../interfaces.ts'
import { type Cid, formatCid } from '../../model/cid.ts'
import { type PinOptions, toPin } from '../../model/pin.ts'
import { commandOf } from './commands.ts'

const one = await cidOf('one')
const two = await cidOf('two')
const three = await cidOf('three')
const none = new URLSearchParams()

test('the cluster answers its commands, and puts only when they are to be pinned', () => {
  const command = (method: string, path: string, query = '') =>
    commandOf(method, path, new URLSearchParams(query))?.command
  for (const method of ['POST', 'GET', 'PUT']) assert.equal(command(method, '/api/v0/pin/ls'), 'pin/ls')
  for (const method of ['HEAD', 'OPTIONS', 'DELETE'])
    assert.equal(command(method, '/api/v0/pin/ls'), undefined)
  for (const path of [
    '/api/v0/pin/ls/',
    '/pin/ls',
    '/api/v0/pin/ls/a/b',
    '/api/v0/pin/update/a',
    '/api/v0/add/a',
  ])
    assert.equal(command('POST', path), undefined, path)
  assert.equal(command('POST', '/api/v0/block/put', 'pin=true'), 'block/put')
  for (const query of ['', 'pin=1', 'pin=false', 'pin=false&pin=true'])
    assert.equal(command('POST', '/api/v0/dag/put', query), undefined, query)
  assert.deepEqual(commandOf('POST', '/api/v0/pin/rm/x', none), { command: 'pin/rm', pathArgument: 'x' })
})

test('several arguments are all pinned, with name and type, and a bad one leaves nothing done', async () => {
  const pinned: string[] = []
  const pin = async (cid: Cid, { name, mode }: PinOptions & Options) => {
    pinned.push(`${formatCid(cid)} ${name} ${mode}`)
    return toPin(cid)
  }
  await using proxy = await serveProxy({ cluster: { pin } })
  const bad = await proxy.ask(`/api/v0/pin/add?arg=${formatCid(one)}&arg=bad`)
  assert.equal(bad.status, 500)
  assert.deepEqual(pinned, [])
  const good = await proxy.ask(
    `/api/v0/pin/add?arg=${formatCid(one)}&arg=/ipfs/${formatCid(two)}&name=n&type=direct`,
  )
  assert.deepEqual(JSON.parse(good.body), { Pins: [formatCid(one), formatCid(two)] })
  assert.deepEqual(pinned, [`${formatCid(one)} n direct`, `${formatCid(two)} n direct`])
})

test('of several arguments one that leads nowhere or is not pinned leaves nothing done, and one that comes twice counts once', async () => {
  const done: string[] = []
  const pins = new Map([one, two].map(cid => [formatCid(cid), toPin(cid)]))
  const cluster: Partial<Cluster> = {
    pin: async cid => {
      done.push(`pin ${formatCid(cid)}`)
      return toPin(cid)
    },
    unpin: async cid => {
      done.push(`unpin ${formatCid(cid)}`)
      return toPin(cid)
    },
    allocation: async cid => {
      const pin = pins.get(formatCid(cid))
      if (pin === undefined) throw new ClusterError('NOT_FOUND', 'pin is not part of the pinset')
      return pin
    },
  }
  await using proxy = await serveProxy({ cluster })
  const nowhere = `/ipfs/${formatCid(two)}/no/such`
  for (const target of [
    `pin/add?arg=${formatCid(one)}&arg=${nowhere}`,
    `pin/rm?arg=${formatCid(one)}&arg=${nowhere}`,
    `pin/rm?arg=${formatCid(one)}&arg=${formatCid(three)}`,
  ]) {
    const { status } = await proxy.ask(`/api/v0/${target}`)
    assert.deepEqual([status, done], [500, []], target)
  }
  const twice = await proxy.ask(`/api/v0/pin/rm?arg=${formatCid(one)}&arg=/ipfs/${formatCid(one)}`)
  assert.deepEqual(JSON.parse(twice.body), { Pins: [formatCid(one)] })
  assert.deepEqual(done, [`unpin ${formatCid(one)}`])
})

test('an update to the same CID unpins nothing', async () => {
  await using proxy = await serveProxy({ cluster: { allocation: async cid => toPin(cid) } })
  const text = formatCid(one)
  const { status, body } = await proxy.ask(`/api/v0/pin/update?arg=${text}&arg=/ipfs/${text}`)
  assert.equal(status, 200, body)
})

test('pages of strange origins are refused, and browsers that do not say which page it is', async () => {
  await using kubo = await serveFakeKubo((_request, response) => void response.end())
  const allocations = async function* () {
    yield toPin(one)
  }
  await using proxy = await serveProxy({ kuboPort: kubo.port, cluster: { allocations } })
  const ask = async (headers: Record<string, string>, method = 'POST') => {
    const { status, headers: seen } = await proxy.ask('/api/v0/pin/ls', { method, headers })
    return [status, seen['access-control-allow-origin']]
  }
  const own = 'http://127.0.0.1:25001'
  assert.deepEqual(await ask({}), [200, undefined])
  assert.deepEqual(await ask({ origin: own }), [200, own])
  assert.deepEqual(await ask({ referer: `${own}/webui` }), [200, own])
  assert.deepEqual(await ask({ 'user-agent': 'curl/8' }), [200, undefined])
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { referer: 'https://evil.example/page' },
    { referer: 'no url' },
    { 'user-agent': 'Mozilla/5.0' },
  ]) {
    for (const method of ['POST', 'GET', 'PUT'])
      assert.deepEqual(await ask(headers, method), [403, undefined], JSON.stringify(headers))
  }
  await kubo[Symbol.asyncDispose]()
  assert.deepEqual(await ask({ origin: own }), [403, undefined])
  assert.deepEqual(await ask({}), [200, undefined])
})

test("the node's headers are remembered for their time, and kept when it is gone", async () => {
  const clock = virtualClock()
  await using kubo = await serveFakeKubo((_request, response) => void response.end())
  const repoStat = async () => ({ sizeBytes: 1, storageMaxBytes: 2 })
  await using proxy = await serveProxy({
    kuboPort: kubo.port,
    cluster: { repoStat },
    clock,
    section: { extract_headers_extra: ['X-Extra'], extract_headers_ttl: '5m' },
  })
  const extra = async () => (await proxy.ask('/api/v0/repo/stat')).headers['x-extra']
  for (let count = 0; count < 3; count++) assert.equal(await extra(), 'yes')
  const questions = ['POST /api/v0/version', 'OPTIONS /api/v0/repo/stat']
  assert.deepEqual(kubo.asked, questions)
  await clock.advance(300_001)
  assert.equal(await extra(), 'yes')
  assert.deepEqual(kubo.asked, [...questions, ...questions])
  await kubo[Symbol.asyncDispose]()
  await clock.advance(300_001)
  assert.equal(await extra(), 'yes')
})

test('a pin goes on when the client leaves, an upload does not', async () => {
  const begun = Promise.withResolvers<AbortSignal>()
  const adding = Promise.withResolvers<AbortSignal>()
  const pin = (cid: Cid, { signal }: Options) => {
    begun.resolve(signal)
    return Promise.resolve(toPin(cid))
  }
  const add = async function* (
    entries: AsyncIterable<unknown>,
    _params: unknown,
    _pin: unknown,
    { signal }: Options,
  ) {
    adding.resolve(signal)
    yield* []
    for await (const _entry of entries) continue
  }
  await using proxy = await serveProxy({ cluster: { pin, add } })
  const pinning = proxy.begin(`/api/v0/pin/add?arg=${formatCid(one)}`)
  pinning.on('error', () => undefined).end()
  const signal = await begun.promise
  pinning.destroy()
  const upload = proxy.begin('/api/v0/add', {
    headers: { 'content-type': 'multipart/form-data; boundary=b', 'transfer-encoding': 'chunked' },
  })
  upload.on('error', () => undefined)
  upload.write('--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf')
  const uploading = await adding.promise
  upload.destroy()
  await eventually('the adding is stopped', () => uploading.aborted)
  assert.equal(signal.aborted, false)
})

test('what fails in the midst of a stream is told in the trailer, and in a long document by cutting it', async () => {
  const allocations = async function* () {
    for (let count = 0; count < 3000; count++) yield toPin(one, { name: 'n' })
    throw new ClusterError('STORE_FAILED', 'the disk is gone\nfor good')
  }
  await using proxy = await serveProxy({ cluster: { allocations } })
  const streamed = await proxy.ask('/api/v0/pin/ls?stream=true&names=true')
  assert.deepEqual(streamed.trailers, [['X-Stream-Error', 'the disk is gone for good']])
  const [line = ''] = streamed.body.split('\n')
  assert.deepEqual(JSON.parse(line), { Cid: formatCid(one), Type: 'recursive', Name: 'n' })
  await assert.rejects(proxy.ask('/api/v0/pin/ls'), /aborted|hang up|ECONNRESET/)
})

test('a long listing comes whole and is one document', async () => {
  const cids = await Promise.all(Array.from({ length: 3000 }, (_, at) => cidOf(String(at))))
  const allocations = async function* () {
    for (const cid of cids) yield toPin(cid)
  }
  await using proxy = await serveProxy({ cluster: { allocations } })
  const { body } = await proxy.ask('/api/v0/pin/ls')
  assert.equal(Object.keys(JSON.parse(body).Keys).length, 3000)
})

test('garbage that could not be collected is told in the line or in the trailer', async () => {
  const gc = async function* () {
    yield { peer: 'a', peername: '', keys: [{ cid: one }, { error: 'e1' }, { error: 'e2' }], error: '' }
  }
  await using proxy = await serveProxy({ cluster: { gc } })
  const key = `{"Key":{"/":"${formatCid(one)}"}}\n`
  const plain = await proxy.ask('/api/v0/repo/gc')
  assert.equal(plain.body, `${key}{"Key":null}\n{"Key":null}\n`)
  assert.deepEqual(plain.trailers, [['X-Stream-Error', 'e1; e2;']])
  const streamed = await proxy.ask('/api/v0/repo/gc?stream-errors=true')
  assert.equal(streamed.body, `${key}{"Key":null,"Error":"e1"}\n{"Key":null,"Error":"e2"}\n`)
  assert.deepEqual(streamed.trailers, [])
})

test('uploads that are no uploads are refused, and the next request is answered', async () => {
  await using proxy = await serveProxy({ cluster: { gc: async function* () {} } })
  const type = { 'content-type': 'multipart/form-data; boundary=b' }
  for (const query of [
    'only-hash=true',
    'inline=true',
    'to-files=/x',
    'nocopy=true',
    'shard=true',
    'progress=perhaps',
  ]) {
    const sent = proxy.begin(`/api/v0/add?${query}`, { headers: { ...type, 'content-length': 500_000 } })
    sent.on('error', () => undefined).write(Buffer.alloc(1000))
    const answer = await answerTo(sent)
    assert.equal(answer.statusCode, 500, query)
    sent.destroy()
  }
  assert.equal((await proxy.ask('/api/v0/repo/gc')).status, 200)
})
