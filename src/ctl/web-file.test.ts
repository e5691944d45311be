import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { runFake } from '../../test/support/fake-client.ts'
import { isWebFile, nameOfWebFile } from './web-file.ts'

let base = ''
const server = http.createServer((request, response) => {
  if (request.url === '/moved') response.writeHead(302, { location: '/a/report%20one.txt' }).end()
  else if (request.url?.startsWith('/a/') === true) response.end('from the web')
  else if (request.url === '/cut') {
    response.writeHead(200, { 'content-length': '100' })
    response.write('some')
    setImmediate(() => response.destroy())
  } else response.writeHead(404).end('no')
})
before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(() => server.close())

const add = (...paths: string[]) => runFake(['add', ...paths], { add: [[{ name: 'x', cid: 'X' }]] })

test('a URL is added as a file with the name at the end of its path, wherever it leads', async () => {
  assert.deepEqual((await add(`${base}/a/report%20one.txt?x=1`)).uploaded, [
    'file report one.txt from the web',
  ])
  assert.deepEqual((await add(`${base}/moved`)).uploaded, ['file moved from the web'])
  const wrapped = await add(`${base}/a/b`, `${base}/a/c`)
  assert.deepEqual(wrapped.uploaded, ['file b from the web', 'file c from the web'])
  assert.equal(wrapped.calls[0]?.input.query?.['wrap-with-directory'], 'true')
})

test('names come from the URL', () => {
  assert.deepEqual(['http://h', 'http://h/', 'https://h/a/b/', 'http://h/100%'].map(nameOfWebFile), [
    'h',
    'h',
    'b',
    '100%',
  ])
  assert.deepEqual(['HTTPS://h', 'http:', 'a/http://'].map(isWebFile), [true, false, false])
})

test('a URL that cannot be read whole is a failure that names it', async () => {
  for (const [path, why] of [
    ['/nothing', /nothing cannot be read: the server answered with status 404/],
    ['/cut', /cut cannot be read: /],
  ] as const) {
    const { exitCode, stderr } = await add(base + path)
    assert.equal(exitCode, 1)
    assert.match(stderr, why)
  }
  const { stderr } = await add('http://127.0.0.1:1/x')
  assert.match(stderr, /^error : http:\/\/127.0.0.1:1\/x cannot be read: /)
  assert.match((await add(`${base}/a/b`, `${base}/a/b`)).stderr, /two of the paths have the same name/)
})
