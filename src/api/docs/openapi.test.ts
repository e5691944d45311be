import assert from 'node:assert/strict'
import net from 'node:net'
import test from 'node:test'
import { openPinSvcServer } from '../../../test/support/pinsvc-server.ts'
import { openRestServer } from '../../../test/support/rest-server.ts'
import { CODES } from '../../errors.ts'
import { formatJson } from '../../lib/json.ts'
import { pinSvcDescription } from '../pinsvc/description.ts'
import { pinSvcRoutes } from '../pinsvc/routes.ts'
import { type Route, routes } from '../routes.ts'
import { toDocsPage } from './docs-page.ts'
import { type ApiDescription, pathOf, toOpenApi } from './openapi.ts'
import { restDescription } from './rest-description.ts'

type Json = { readonly [member: string]: unknown }

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null
const objectOf = (value: unknown): Json => {
  assert.ok(isObject(value))
  return value
}

interface Described {
  readonly title: string
  readonly table: readonly (readonly [string, Route])[]
  readonly document: Json
  readonly operations: readonly { readonly path: string; readonly method: string; readonly operation: Json }[]
}

function described(title: string, table: Readonly<Record<string, Route>>, api: ApiDescription): Described {
  const document: Json = JSON.parse(JSON.stringify(toOpenApi(table, api)))
  const operations = Object.entries(objectOf(document['paths'])).flatMap(([path, item]) =>
    Object.entries(objectOf(item)).map(([method, operation]) => ({
      path,
      method,
      operation: objectOf(operation),
    })),
  )
  return { title, table: Object.entries(table), document, operations }
}

const rest = described('REST API', routes, restDescription)
const pinSvc = described('Pinning Service API', pinSvcRoutes, pinSvcDescription)
const { table, document, operations } = rest

function resolve(root: Json, pointer: string): unknown {
  assert.match(pointer, /^#\//)
  const steps = pointer.slice(2).split('/')
  return steps.reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), root)
}

/** Calls back for every object in a value. */
function visit(value: unknown, onObject: (value: Json) => void): void {
  if (!isObject(value)) return
  onObject(value)
  for (const member of Object.values(value)) visit(member, onObject)
}

/** The schema of a parameter, which may stand for the text of a document. */
function schemaOf({ schema, content }: Json): Json {
  return objectOf(schema ?? objectOf(objectOf(content)['application/json'])['schema'])
}

for (const { title, table, document, operations } of [rest, pinSvc]) {
  test(`${title}: every route is described once, under its own name`, () => {
    assert.equal(document['openapi'], '3.1.0')
    assert.equal(operations.length, table.length)
    const ids = operations.map(({ operation }) => operation['operationId'])
    assert.deepEqual(new Set(ids), new Set(table.map(([name]) => name)))
  })

  test(`${title}: every reference leads to something, and every shared schema and answer is used`, () => {
    const used = new Set<string>()
    visit(document, ({ $ref }) => {
      if (typeof $ref !== 'string') return
      assert.ok(isObject(resolve(document, $ref)), $ref)
      used.add($ref)
    })
    const { schemas, responses } = objectOf(document['components'])
    const names = [
      ...Object.keys(objectOf(schemas)).map(name => `#/components/schemas/${name}`),
      ...Object.keys(objectOf(responses)).map(name => `#/components/responses/${name}`),
    ]
    // Some documents stand within others only in part.
    assert.deepEqual(
      names.filter(name => !used.has(name)),
      [],
    )
  })

  test(`${title}: every parameter has a type, is named once, and those of the path are the ones in it`, () => {
    for (const { path, operation } of operations) {
      const parameters = operation['parameters']
      assert.ok(Array.isArray(parameters))
      const rows = parameters.map(objectOf)
      const keys = rows.map(row => `${String(row['in'])} ${String(row['name'])}`)
      assert.equal(new Set(keys).size, keys.length, path)
      for (const row of rows) assert.ok('type' in schemaOf(row), `${path} ${String(row['name'])}`)
      const inPath = rows.filter(row => row['in'] === 'path')
      assert.ok(inPath.every(row => row['required'] === true))
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1])
      assert.deepEqual(new Set(inPath.map(row => row['name'])), new Set(named))
    }
  })

  test(`${title}: every answer is described, and every reason of an error at its status`, () => {
    const reasons = new Set<unknown>()
    for (const { path, operation } of operations) {
      const responses = objectOf(operation['responses'])
      assert.ok(
        Object.keys(responses).some(status => status.startsWith('2')),
        path,
      )
      for (const [status, answer] of Object.entries(responses)) {
        const { $ref } = objectOf(answer)
        const response = objectOf(typeof $ref === 'string' ? resolve(document, $ref) : answer)
        assert.ok(typeof response['description'] === 'string' && response['description'] !== '')
        if (Number(status) < 400) continue
        const listed = JSON.stringify(response).match(/"enum":(\[[^\]]*\])/)?.[1] ?? '[]'
        for (const reason of JSON.parse(listed)) {
          assert.equal(Object.entries(CODES).find(([code]) => code === reason)?.[1].status, Number(status))
          reasons.add(reason)
        }
      }
    }
    assert.deepEqual(reasons, new Set(Object.keys(CODES)))
  })

  test(`${title}: the scope of a route is told, and only those that need no credentials ask for none`, () => {
    for (const { path, operation } of operations) {
      const { security, 'x-scope': scope, description } = operation
      if (scope === 'open') assert.deepEqual(security, [], path)
      else assert.match(String(description), new RegExp(`Needs the scope \`${String(scope)}\``))
    }
  })
}

test('lists in a URL are written with commas, documents as JSON, and a good answer has the status of its row', () => {
  const list = pinSvc.operations.find(({ operation }) => operation['operationId'] === 'list')
  assert.ok(Array.isArray(list?.operation['parameters']))
  const of = (name: string) =>
    objectOf((list.operation['parameters'] as Json[]).find(row => row['name'] === name))
  assert.deepEqual([of('status')['style'], of('status')['explode']], ['form', false])
  assert.deepEqual(Object.keys(objectOf(of('meta')['content'])), ['application/json'])
  assert.deepEqual([of('limit')['allowEmptyValue'], of('name')['allowEmptyValue']], [true, undefined])
  const goodStatuses = pinSvc.operations.map(({ operation: { operationId, responses } }) => [
    operationId,
    ...Object.keys(objectOf(responses)).filter(status => status.startsWith('2')),
  ])
  assert.deepEqual(Object.fromEntries(goodStatuses), {
    list: '200',
    add: '202',
    get: '200',
    replace: '202',
    remove: '202',
    issueJwt: '200',
    health: '204',
    openapi: '200',
  })
})

test('streams are called sequences, uploads multipart, and pages HTML', () => {
  for (const { operation } of operations) {
    const route = table.find(([name]) => name === operation['operationId'])?.[1]
    assert.ok(route)
    const text = JSON.stringify(operation)
    assert.equal(text.includes('x-sequence'), route.streams === true)
    assert.equal(text.includes('x-trailers'), route.streams === true && route.isEvents !== true)
    assert.equal(text.includes('text/event-stream'), route.isEvents === true)
    assert.equal(text.includes('multipart/form-data'), route.body === 'upload')
    assert.equal(text.includes('text/html'), route.isPage === true)
  }
})

test('the page shows every route and loads nothing', () => {
  const page = toDocsPage(routes)
  for (const [name, route] of table) {
    assert.ok(page.includes(`id="${name}"`), name)
    assert.ok(page.includes(`<code>${pathOf(route).replaceAll('&', '&amp;')}</code>`), name)
  }
  assert.doesNotMatch(page, /<(?:link|img|iframe)|\ssrc=|@import|url\(|undefined/)
  assert.doesNotMatch(page, /https?:\/\/(?!127\.0\.0\.1)/)
})

test('both are served without credentials, as what they are', async () => {
  await using server = await openRestServer({}, { basic_auth_credentials: { a: 'b' } })
  const base = `http://127.0.0.1:${server.port}`
  const served = await fetch(`${base}/openapi.json`)
  assert.equal(served.headers.get('content-type'), 'application/json')
  assert.deepEqual(await served.json(), document)
  const page = await fetch(`${base}/docs`)
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
  assert.equal(await page.text(), toDocsPage(routes))
  assert.equal((await fetch(`${base}/id`)).status, 401)
})

test('the Pinning Service API serves its own document without credentials, and no page', async () => {
  const refuse = async () => assert.fail('nothing is asked for')
  const requests = { add: refuse, replace: refuse, remove: refuse, get: refuse, list: refuse }
  await using server = await openPinSvcServer(requests, { basic_auth_credentials: { a: 'b' } })
  for (const _time of ['made', 'kept']) {
    const served = await fetch(`${server.url}/openapi.json`)
    assert.deepEqual([served.status, served.headers.get('content-type')], [200, 'application/json'])
    assert.deepEqual(await served.json(), pinSvc.document)
  }
  assert.equal((await fetch(`${server.url}/pins`)).status, 401)
})

test('document and page are made once: asking for them costs a fraction of making them', async () => {
  await using server = await openRestServer({})
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${server.port}${path}`)).text()
  assert.deepEqual(JSON.parse(await ask('/openapi.json')), document)
  assert.equal(await ask('/docs'), toDocsPage(routes))
  const cpuOf = async (work: () => unknown) => {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  const making = await cpuOf(() => {
    for (let times = 0; times < 50; times += 1) formatJson(toOpenApi(routes, restDescription))
  })
  const size = (await ask('/openapi.json')).length
  const asking = await cpuOf(async () => {
    const socket = net.connect(server.port, '127.0.0.1')
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50))
    let seen = 0
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      seen += chunk.length
      if (seen > 50 * size) break
    }
  })
  assert.ok(asking < making / 2, `${asking} µs against ${making} µs`)
})
