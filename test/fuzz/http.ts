// Asks a real peer what its own OpenAPI document does not expect: npm run fuzz:http -- [seed] [requests]
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'
import { seededRandom } from '../support/seeded-random.ts'

interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> }
  readonly responses: Readonly<Record<string, unknown>>
}
interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
}
interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
}

const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
const requests = Number(process.argv[3] ?? 2000)
const random = seededRandom(seed)
const pick = <Item>(items: readonly Item[]): Item => {
  const item = items[Math.floor(random.next() * items.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

const CID = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'
const ODD = [
  '',
  '%00',
  '%',
  '%zz',
  '%c3%28',
  '%ff%fe',
  '..%2f..%2fetc',
  '\u202e',
  '%F0%9F%92%A9',
  'null',
  '-0',
  '1e9',
  '0x10',
  '+1',
  '__proto__',
  'constructor',
  "'",
  '%0d%0aX: y',
  '{}',
  '[]',
  'true',
  'a'.repeat(3000),
  CID,
  `${CID}/a/b`,
  '99999999999999999999',
  '-2',
  '2147483648',
  'NaN',
  '%E2%80%8B',
  '*',
  ';',
  '&&',
  '=',
  'a,b,,c',
]
const BODIES = [
  '',
  '{',
  '[]',
  'null',
  '"x"',
  '{"peer_id":7}',
  '{"peer_id":"x"}',
  `{"name":"${'n'.repeat(500)}","scope":"pin"}`,
  `{"cid":"${CID}"`,
  '\u0000',
  '\n\n\n',
  `${CID}\n{"cid":1}\n`,
  `[${'['.repeat(5000)}`,
  'x'.repeat(100_000),
  '{"__proto__":{"a":1}}',
  '--x\r\nContent-Disposition: form-data; name="file"; filename="../../a"\r\n\r\nhello\r\n--x--\r\n',
  '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nhel',
  '--x\r\n',
  '--x--\r\n',
]
const TYPES = [
  'application/json',
  'application/x-ndjson',
  'multipart/form-data; boundary=x',
  'multipart/form-data',
  'text/plain',
  'x',
  '',
  'application/json; charset=utf-16',
]
/** What no document says: routing, limits of the HTTP layer. */
const ALWAYS = new Set([301, 307, 404, 405, 408, 413, 414, 431, 400])

function targetOf(operation: Operation): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    random.next() < 0.4 ? CID : pick(name === 'keyType' ? ['ipfs', 'ipns', 'ipld', ...ODD] : ODD),
  )
  const query = operation.parameters
    .filter(row => row.in === 'query' && random.next() < 0.4)
    .flatMap(({ name, schema }) => {
      const values = [
        ...ODD,
        ...(schema.enum ?? []),
        ...(schema.type === 'boolean' ? ['true', 'false', 'TRUE', '2'] : []),
      ]
      const times = random.next() < 0.1 ? 3 : 1
      return Array.from(
        { length: times },
        () => `${name === 'metadata' ? `meta-${pick(ODD)}` : name}=${pick(values)}`,
      )
    })
  return (path + (query.length === 0 ? '' : `?${query.join('&')}`)).replace(
    /[^\x21-\x7e]/gu,
    encodeURIComponent,
  )
}

/** Sends a request, leaves in the middle of one in ten, and sends half of some bodies. */
function ask(peer: PeerProcess, operation: Operation, target: string): Promise<Reply | undefined> {
  const url = new URL(peer.url)
  const body = operation.requestBody === undefined && random.next() < 0.9 ? '' : pick(BODIES)
  const type = pick([...Object.keys(operation.requestBody?.content ?? {}), ...TYPES])
  const isLeaving = random.next() < 0.1
  const isCut = body !== '' && random.next() < 0.1
  // Without a length or chunks, a body of GET or DELETE would be the next request.
  const framing = body === '' ? {} : { 'Transfer-Encoding': 'chunked' }
  const declared = isCut ? { 'Content-Length': String(Buffer.byteLength(body) + 10) } : framing
  return new Promise((resolve, reject) => {
    const headers = {
      ...(type === '' ? {} : { 'Content-Type': type }),
      Accept: pick(['*/*', 'application/x-ndjson', 'x']),
      ...declared,
    }
    const sent = httpRequest(
      { host: url.hostname, port: url.port, method: operation.method, path: target, headers, agent: false },
      response => {
        if (isLeaving) {
          response.destroy()
          return resolve(undefined)
        }
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: String(response.headers['content-type']),
            body: Buffer.concat(chunks).toString(),
          }),
        )
        response.on('close', () => resolve(undefined))
      },
    )
    sent.setTimeout(20_000, () => reject(new Error('no answer within 20 s')))
    sent.on('error', error =>
      isCut || isLeaving || /EPIPE|ECONNRESET/.test(String(error)) ? resolve(undefined) : reject(error),
    )
    if (body !== '') sent.write(body)
    if (isCut) setImmediate(() => sent.destroy())
    else sent.end()
  })
}

function faultOf({ status, body }: Reply, { responses }: Operation): string | undefined {
  if (!(status in responses) && !ALWAYS.has(status)) return `status ${status} is not documented`
  if (status < 400 || status === 405) return undefined
  try {
    const { code, message, reason } = JSON.parse(body.split('\n')[0] ?? '')
    if (code !== status || typeof message !== 'string' || typeof reason !== 'string')
      return 'the error has not its form'
    return reason === 'INTERNAL' ? `INTERNAL: ${message}` : undefined
  } catch {
    return `the error ${status} is no JSON: ${body.slice(0, 100)}`
  }
}

/** Bytes that are no request, and requests in forms that libraries do not send; what is wrong with the answers. */
async function* sendGarbage(peer: PeerProcess): AsyncGenerator<string> {
  const { hostname, port } = new URL(peer.url)
  const texts = [
    'GET',
    'GET / HTTP/9.9\r\n\r\n',
    '\u0000\u0001',
    'POST /pins HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    'POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'GET /version HTTP/1.1\r\n\r\n',
    'GET /version HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
    'GET http://x/version HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /\\x/ HTTP/1.1\r\nHost: x\r\n\r\n',
    'QUERY /version HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /version HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n',
    'POST /pins HTTP/1.1\r\nHost: x\r\nContent-Type: \u00ff/x\r\nContent-Length: 2\r\n\r\n{}',
    'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000),
  ]
  for (const text of texts) {
    const socket = connect(Number(port), hostname)
    let answer = ''
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
    })
    socket.write(Buffer.from(text, 'latin1'))
    await sleep(200)
    socket.destroy()
    const isTold = /^HTTP\/1\.1 (2|3|405)/.test(answer) || /"reason":"[A-Z_]+"/.test(answer)
    if (answer !== '' && (!isTold || /fastify|"reason":"INTERNAL"/i.test(answer)))
      yield `${JSON.stringify(text.slice(0, 100))}: ${answer.slice(0, 300)}`
  }
}

await using processes = await openPeerProcesses()
const peer = await processes.add()
console.log(`seed ${seed}, ${requests} requests to ${peer.url}`)
const document = (await (await fetch(`${peer.url}/openapi.json`)).json()) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(
    ([method, operation]): Operation => ({ ...operation, path, method: method.toUpperCase() }),
  ),
)
// Events do not end.
const asked = operations.filter(({ path }) => path !== '/events')
const faults = new Map<string, string>()
const statuses = new Map<number, number>()
for (let number = 0; number < requests; number++) {
  const operation = pick(asked)
  const target = targetOf(operation)
  const key = `${operation.method} ${operation.path}`
  try {
    const reply = await ask(peer, operation, target)
    if (reply === undefined) continue
    statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
    const fault = faultOf(reply, operation)
    if (fault !== undefined) faults.set(`${key}: ${fault.slice(0, 120)}`, target.slice(0, 300))
  } catch (thrown) {
    faults.set(`${key}: ${String(thrown)}`, target.slice(0, 300))
  }
  if (peer.exitCode !== undefined)
    throw new Error(`the peer ended at ${key} ${target}: ${peer.log().slice(-2000)}`)
}
for await (const fault of sendGarbage(peer)) faults.set('raw bytes', fault)
if ((await fetch(`${peer.url}/id`)).status !== 200) throw new Error('the peer does not answer any more')
const errors = peer
  .log()
  .split('\n')
  .filter(line => line.includes('"level":"error"'))
for (const line of new Set(errors.map(text => text.replace(/"time":"[^"]*",/, '').slice(0, 300))))
  console.log(`logged: ${line}`)
for (const [fault, target] of faults) console.log(`fault: ${fault}\n       ${target}`)
console.log(
  [...statuses]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`)
    .join('  '),
)
process.exitCode = faults.size === 0 ? 0 : 1
