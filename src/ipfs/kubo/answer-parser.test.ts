import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { AnswerParser, MalformedAnswer } from './answer-parser.ts'

function parse(pieces: readonly Buffer[]) {
  const body: Buffer[] = []
  let heads = 0
  const parser = new AnswerParser({
    onHead: () => heads++,
    onBody: piece => body.push(Buffer.from(piece)),
  })
  for (const piece of pieces) parser.push(piece)
  return { parser, heads, body: Buffer.concat(body).toString() }
}

/** The bytes that Node's own server sends. */
async function served(answer: (response: ServerResponse) => void): Promise<Buffer> {
  const server = createServer((_, response) => {
    response.sendDate = false
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const socket = connect(address.port, '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  const pieces: Buffer[] = []
  for await (const piece of socket) pieces.push(piece)
  server.close()
  return Buffer.concat(pieces)
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const marks = [0, ...at.map(mark => mark % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return marks.slice(1).map((end, index) => bytes.subarray(marks[index], end))
}

test('however it is cut, an answer of a real server reads the same: chunks, trailers, a length, nothing', async () => {
  const answers = [
    await served(response => {
      response.setHeader('Trailer', 'X-Stream-Error')
      response.write('{"Progress":1}\n')
      response.write('{"Pins":["ä"]}\n')
      response.addTrailers({ 'X-Stream-Error': 'no: more' })
      response.end()
    }),
    await served(response => {
      const text = '{"Version":"1"}\n'
      response.writeHead(500, { 'content-length': text.length })
      response.end(text)
    }),
    await served(response => response.writeHead(200, { 'content-length': 0 }).end()),
    await served(response => response.writeHead(204).end()),
  ]
  const expected = [
    { status: 200, body: '{"Progress":1}\n{"Pins":["ä"]}\n', error: 'no: more' },
    { status: 500, body: '{"Version":"1"}\n', error: undefined },
    { status: 200, body: '', error: undefined },
    { status: 204, body: '', error: undefined },
  ]
  fc.assert(
    fc.property(fc.nat(answers.length - 1), fc.array(fc.nat(), { maxLength: 20 }), (which, marks) => {
      const bytes = answers[which]
      assert.ok(bytes !== undefined)
      const { parser, heads, body } = parse(cut(bytes, marks))
      assert.ok(parser.isOver)
      assert.equal(heads, 1)
      assert.deepEqual(
        { status: parser.status, body, error: parser.trailers.get('x-stream-error') },
        expected[which],
      )
      assert.equal(parser.isKept, false)
    }),
    { numRuns: 500 },
  )
})

test('an answer that is cut anywhere is not over', async () => {
  const bytes = await served(response => {
    response.write('abc')
    response.addTrailers({ 'X-A': 'b' })
    response.end()
  })
  for (let end = 0; end < bytes.length; end++)
    assert.ok(!parse([bytes.subarray(0, end)]).parser.isOver, String(end))
})

test('an interim answer goes before the real one', () => {
  const text = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  const { parser, body, heads } = parse([Buffer.from(text)])
  assert.deepEqual([parser.status, body, heads, parser.isKept], [200, 'ok', 1, true])
})

test('what is not exactly HTTP/1.1 with a clear end is refused', () => {
  const head = 'HTTP/1.1 200 OK\r\n'
  const wrong = [
    'HTTP/2 200 OK\r\n\r\n',
    'nonsense\r\n\r\n',
    `${head}\r\n`,
    `${head}Content-Length: -1\r\n\r\n`,
    `${head}Content-Length: 1, 1\r\n\r\n`,
    `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    `${head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${head}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    `${head}no colon\r\n\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`,
    `${head}Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n`,
    `${head}Content-Length: 1\r\n\r\nab`,
    `${head}X: ${'y'.repeat(70_000)}`,
  ]
  for (const text of wrong)
    assert.throws(() => parse([Buffer.from(text)]), MalformedAnswer, text.slice(0, 80))
})

test('any bytes at all either read as an answer or are refused, and nothing else is thrown', () => {
  const word = fc.constantFrom(
    'HTTP/1.1 200 OK\r\n',
    '\r\n',
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
    '3',
    '0',
    'abc',
    ':',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 20 }), words => {
      try {
        parse(words.map(text => Buffer.from(text)))
      } catch (thrown) {
        assert.ok(thrown instanceof MalformedAnswer)
      }
    }),
    { numRuns: 1000 },
  )
})
