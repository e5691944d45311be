import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { collect, openRestServer, until } from '../../test/support/rest-server.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { ClusterError } from '../errors.ts'
import type { AddEntry, AddedOutput } from '../model/add.ts'

const signal = AbortSignal.timeout(60_000)
const headers = { 'Content-Type': 'multipart/form-data; boundary=B' }

/** Reads everything; a record for each entry. */
async function* readAll(entries: AsyncIterable<AddEntry>): AsyncIterable<AddedOutput> {
  for await (const entry of entries) {
    if (entry.kind === 'file') for await (const _chunk of entry.content) continue
    yield { name: entry.path, cid: undefined, bytes: 1 }
  }
}

function upload(port: number, path = '/add'): http.ClientRequest {
  const request = http.request({ port, method: 'POST', path, headers })
  request.on('error', () => undefined)
  return request
}

test('records of an upload come back while it still goes on', async () => {
  await using server = await openRestServer({ add: readAll })
  const request = upload(server.port)
  const part = (name: string) => `--B\r\nContent-Disposition: form-data; filename="${name}"\r\n\r\nhello\r\n`
  request.write(part('one') + part('two'))
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const [first] = (await once(response, 'data')) as [Buffer]
  assert.match(first.toString(), /"name":"one"/)
  request.end(`${part('three')}--B--\r\n`)
  let rest = ''
  for await (const chunk of response) rest += String(chunk)
  assert.match(rest, /"name":"three"/)
  assert.deepEqual(response.rawTrailers, [])
})

test('an upload without parts, a cut one and a refused one end with an error in the trailer', async () => {
  await using server = await openRestServer({
    async *add(entries) {
      yield* readAll(entries)
      throw new ClusterError('NOT_ENOUGH_PEERS', 'not enough peers')
    },
  })
  const answerTo = async (body: string, path?: string) => {
    const request = upload(server.port, path)
    request.end(body)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    let text = ''
    for await (const chunk of response) text += String(chunk)
    return [response.statusCode, response.trailers['x-stream-error'] ?? text] as const
  }
  const [status, message] = await answerTo('--B--\r\n')
  assert.equal(status, 200)
  assert.match(message, /^the upload has no parts/)
  assert.deepEqual(await answerTo('--B\r\n\r\nabc'), [200, 'multipart: NextPart: EOF'])
  assert.deepEqual(await answerTo('--B\r\n\r\nabc\r\n--B--'), [200, 'not enough peers'])
  const [code, text] = await answerTo('--B\r\n\r\nabc\r\n--B--', '/add?stream-channels=false')
  assert.equal(code, 500)
  assert.match(text, /"reason":"NOT_ENOUGH_PEERS"/)
})

test('an upload whose client leaves fails inside the cluster', async () => {
  const begun = Promise.withResolvers<void>()
  let failure: unknown
  await using server = await openRestServer({
    async *add(entries) {
      begun.resolve()
      try {
        yield* readAll(entries)
      } catch (thrown) {
        failure = thrown
        throw thrown
      }
    },
  })
  const request = upload(server.port)
  request.write('--B\r\n\r\nabc')
  await begun.promise
  request.destroy()
  await until('the upload has failed', () => failure !== undefined)
})

test('an upload that stands still is given up after the idle time-out', { timeout: 20_000 }, async () => {
  const clock = virtualClock()
  const begun = Promise.withResolvers<void>()
  const add = (entries: AsyncIterable<AddEntry>) => {
    begun.resolve()
    return readAll(entries)
  }
  await using server = await openRestServer({ add }, {}, clock)
  const request = upload(server.port)
  request.write('--B\r\n\r\nabc')
  const answer = { isHere: false }
  const answered = once(request, 'response').then(([response]) => {
    answer.isHere = true
    return response as http.IncomingMessage
  })
  await begun.promise
  while (!answer.isHere) await clock.advance(60_000)
  const response = await answered
  response.resume()
  while (!response.complete) await clock.advance(60_000)
  assert.match(String(response.trailers['x-stream-error']), /stood still for 120 s/)
})

test('a slow cluster holds an upload back', async () => {
  const go = Promise.withResolvers<void>()
  await using server = await openRestServer({
    async *add(entries): AsyncIterable<AddedOutput> {
      await go.promise
      let bytes = 0
      for await (const entry of entries) {
        if (entry.kind === 'file') for await (const chunk of entry.content) bytes += chunk.length
      }
      yield { name: 'all', cid: undefined, bytes }
    },
  })
  const total = 64 * 1024 * 1024
  let read = 0
  async function* content() {
    const chunk = new Uint8Array(256 * 1024)
    for (; read < total; read += chunk.length) yield chunk
  }
  async function* entries() {
    yield { kind: 'file', path: 'big', content: content() } as const
  }
  const records = collect(server.client().add({ entries: entries() }, { signal }))
  let before = -1
  await until('no more is sent', () => {
    const isStill = read === before && read > 0
    before = read
    return isStill
  })
  assert.ok(read < total / 2, `${read} bytes were read for a cluster that takes none`)
  go.resolve()
  assert.deepEqual(await records, [{ name: 'all', cid: null, bytes: total }])
})
