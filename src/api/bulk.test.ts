import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { openPeers } from '../../test/support/cluster-peers.ts'
import { echoBulk, toBytes } from '../../test/support/echo-bulk.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { collect, openRestServer, type RestServer, until } from '../../test/support/rest-server.ts'
import { ClusterError } from '../errors.ts'
import { toPin } from '../model/pin.ts'
import { toPinJson } from '../model/pin-json.ts'
import { requestCid } from '../model/pin-request.ts'

const options = { signal: AbortSignal.timeout(60_000) }
const line = (number: number) => `{"cid":"${numberedCid(number)}"}\n`

function post(server: RestServer, path: string, headers: http.OutgoingHttpHeaders, method = 'POST') {
  return http.request({ port: server.port, host: '127.0.0.1', path, method, headers, agent: false })
}

const NDJSON = { 'Content-Type': 'application/x-ndjson' }

/** Sends a body whole and reads the answer whole. */
async function ask(
  server: RestServer,
  path: string,
  body: string,
  headers: http.OutgoingHttpHeaders = NDJSON,
) {
  const request = post(server, path, headers)
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const text = Buffer.concat(await collect<Buffer>(response)).toString()
  const answers = text
    .split('\n')
    .filter(each => each !== '')
    .map(each => JSON.parse(each))
  return { status: response.statusCode, headers: response.headers, trailers: response.trailers, answers }
}

test('each line is answered by its number: pinned, unchanged, or why not', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const [a, b] = [numberedCid(1).toString(), numberedCid(2).toString()]
  const pin = { ...toPinJson(toPin(numberedCid(2), { name: 'kept', timestampMs: 1000 })), mode: 'recursive' }
  const body = `{"cid":"${a}","name":"x"}\r\n\n"${a}"\n${JSON.stringify(pin)}\n{"cid":"${a}","nome":"x"}\n[1]\n{\nhello\n${b}`
  const { status, answers, headers, trailers } = await ask(server, '/pins?name=x', body)
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'application/x-ndjson')
  assert.equal(trailers['x-stream-error'], '')
  assert.deepEqual(
    answers.map(({ line, cid, status, error }) => [line, cid, status, error?.reason]),
    [
      [1, a, 'pinned', undefined],
      [3, a, 'unchanged', undefined],
      [4, b, 'pinned', undefined],
      [5, a, 'error', 'INVALID_ARGUMENT'],
      [6, undefined, 'error', 'INVALID_ARGUMENT'],
      [7, undefined, 'error', 'INVALID_ARGUMENT'],
      [8, undefined, 'error', 'INVALID_ARGUMENT'],
      [9, b, 'pinned', undefined],
    ],
  )
  assert.match(answers[3].error.message, /unknown member "nome"/)
  assert.equal((await peers.first.cluster.allocation(numberedCid(2))).name, 'x')
})

test('with answers=failed only failures are told, and the counts at the end', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const { answers } = await ask(server, '/pins?answers=failed', `${line(1)}x\n${line(1)}${line(2)}`)
  assert.deepEqual(
    answers.map(({ line, status, counts }) => [line, status, counts]),
    [
      [2, 'error', undefined],
      [4, 'done', { pinned: 2, unchanged: 1, removed: 0, absent: 0, failed: 1 }],
    ],
  )
  assert.equal((await ask(server, '/pins?answers=some', line(1))).status, 400)
})

test('an answer comes while the request is still being written', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const request = post(server, '/pins', NDJSON)
  let text = ''
  for (const number of [1, 2, 3]) {
    request.write(line(number))
    if (number === 1) {
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk
      })
    }
    await until(`line ${number} is answered`, () => text.split('\n').length === number + 1)
  }
  request.end()
})

test('what is exported can be imported, and gives the same export', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const { consensus, first } = peers
  const pins = Array.from({ length: 1500 }, (_, at) =>
    toPin(numberedCid(at), {
      name: `n${at}`,
      replicationMin: -1,
      replicationMax: -1,
      timestampMs: 1_600_000_000_000,
    }),
  )
  await consensus.put(
    [
      ...pins,
      toPin(numberedCid(9999), {
        type: 'shard-pin',
        maxDepth: 2,
        replicationMin: 1,
        replicationMax: 1,
        allocations: [first.id],
        timestampMs: 5000,
      }),
    ],
    options,
  )
  const client = server.client()
  const exported = (await collect(client.exportState({}, options))).map(pin => `${JSON.stringify(pin)}\n`)
  await consensus.remove(
    (await collect(consensus.pins({}, options))).map(({ cid }) => cid),
    options,
  )
  const answers = await collect(client.importState({ lines: toBytes(exported) }, options))
  assert.equal(answers.filter(({ status }) => status === 'pinned').length, 1501)
  const again = (await collect(client.exportState({}, options))).map(pin => `${JSON.stringify(pin)}\n`)
  assert.deepEqual(again, exported)
})

test('requests are exported only when they are asked for, and come back by an import', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const { consensus } = peers
  const content = numberedCid(1)
  const request = toPin(requestCid(content, 5000, new Uint8Array(6)), {
    type: 'request',
    name: 'mine',
    reference: content,
    timestampMs: 5000,
  })
  await consensus.put([toPin(content, { replicationMin: -1, replicationMax: -1 }), request], options)
  const client = server.client()
  assert.equal((await collect(client.exportState({}, options))).length, 1)
  const whole = await collect(client.exportState({ query: { requests: 'true' } }, options))
  assert.equal(whole.length, 2)
  await consensus.remove([content, request.cid], options)
  const lines = toBytes(whole.map(pin => `${JSON.stringify(pin)}\n`))
  await collect(client.importState({ lines }, options))
  assert.deepEqual(await consensus.get(request.cid), request)
})

test('a failure before the first answer has its own status, also when the client goes on sending', async () => {
  const refuse = () => {
    throw new ClusterError('READ_ONLY', 'no room')
  }
  await using server = await openRestServer({ pinMany: refuse })
  const body = line(1).repeat(50_000)
  const { status, answers } = await ask(server, '/pins', body)
  assert.deepEqual([status, answers], [503, [{ code: 503, message: 'no room', reason: 'READ_ONLY' }]])
})

test('a failure later says which line was not done any more, and the client gets to see it', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const { consensus } = peers
  const put = consensus.put.bind(consensus)
  let puts = 0
  consensus.put = async (pins, given) => {
    if (++puts > 3) throw new ClusterError('STORE_FAILED', 'no room')
    return put(pins, given)
  }
  const body = Array.from({ length: 50_000 }, (_, at) => line(at % 4000)).join('')
  const { answers, trailers } = await ask(server, '/pins', body)
  const last = answers.pop()
  assert.equal(trailers['x-stream-error'], 'no room')
  assert.deepEqual(last, {
    line: answers.length + 1,
    status: 'stopped',
    error: { code: 500, message: 'no room', reason: 'STORE_FAILED' },
  })
  assert.equal(consensus.pinsCount, new Set(answers.map(({ cid }) => cid)).size)
})

test('whoever does not read the answers is not read from', async () => {
  let lines = 0
  const { pinMany: echo } = echoBulk()
  await using server = await openRestServer({
    async *pinMany(chunks, given) {
      for await (const chunk of echo(chunks, given)) {
        lines += chunk.length
        yield chunk
      }
    },
  })
  const request = post(server, '/pins', NDJSON)
  request.on('error', () => undefined)
  const seen = once(request, 'response')
  const all = line(1).repeat(1000)
  const piecesMax = 1000
  let pieces = 0
  // Writes whenever there is room, until neither side has moved for a while.
  for (let quietMs = 0; quietMs < 500; quietMs += 5) {
    const before = lines
    for (; !request.writableNeedDrain && pieces < piecesMax; pieces++) request.write(all)
    await new Promise(resolve => setTimeout(resolve, 5))
    if (lines !== before || !request.writableNeedDrain) quietMs = 0
    assert.ok(pieces < piecesMax, 'the client is held up before it has sent everything')
  }
  const [response] = (await seen) as [http.IncomingMessage]
  const held = lines
  response.resume()
  await until('reading goes on', () => lines > held)
  request.destroy()
})

test('what is not sent as lines is refused, and an empty body is no failure', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const plain = await ask(server, '/pins', line(1), { 'Content-Type': 'text/plain' })
  assert.equal(plain.status, 400)
  assert.match(plain.answers[0].message, /Content-Type: application\/x-ndjson/)
  assert.equal((await ask(server, '/pins', line(1), {})).status, 400)
  assert.equal((await ask(server, '/pins', '')).status, 204)
  assert.equal(peers.consensus.pinsCount, 0)
})
