// Asks a real peer what its own OpenAPI documents do not expect, those of the REST API and of the Pinning Service API:
// npm run fuzz:http -- [seed] [requests]
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { askOddly, CID, errorsIn, ODD, picker, printable, type Reply, sendBytes } from './odd-requests.ts'

interface Operation {
  readonly base: string
  readonly method: string
  readonly path: string
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema?: Schema }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> }
  readonly responses: Readonly<Record<string, unknown>>
}
interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly items?: Schema
}

const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
const requests = Number(process.argv[3] ?? 2000)
const random = seededRandom(seed)
const pick = picker(random)

/** What no document says: routing, limits of the HTTP layer. */
const ALWAYS = new Set([301, 307, 404, 405, 408, 413, 414, 431, 400])

function targetOf(operation: Operation): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    random.next() < 0.4 ? CID : pick(name === 'keyType' ? ['ipfs', 'ipns', 'ipld', ...ODD] : ODD),
  )
  const query = operation.parameters
    .filter(row => row.in === 'query' && random.next() < 0.4)
    .flatMap(({ name, schema = {} }) => {
      const values = [
        ...ODD,
        ...(schema.enum ?? schema.items?.enum ?? []),
        ...(schema.type === 'boolean' ? ['true', 'false', 'TRUE', '2'] : []),
      ]
      const times = random.next() < 0.1 ? 3 : 1
      return Array.from(
        { length: times },
        () => `${name === 'metadata' ? `meta-${pick(ODD)}` : name}=${pick(values)}`,
      )
    })
  return printable(path + (query.length === 0 ? '' : `?${query.join('&')}`))
}

/** The errors of the two APIs: the members that they have in common. */
function errorIn(text: string): {
  readonly code?: unknown
  readonly message?: unknown
  readonly reason?: unknown
} {
  const { error, ...rest } = JSON.parse(text)
  return error === undefined ? rest : { message: error.details, reason: error.reason }
}

function faultOf({ status, body }: Reply, { responses }: Operation): string | undefined {
  if (!(status in responses) && !ALWAYS.has(status)) return `status ${status} is not documented`
  if (status < 400 || status === 405) return undefined
  try {
    const { code = status, message, reason } = errorIn(body.split('\n')[0] ?? '')
    if (code !== status || typeof message !== 'string' || typeof reason !== 'string')
      return 'the error has not its form'
    return reason === 'INTERNAL' ? `INTERNAL: ${message}` : undefined
  } catch {
    return `the error ${status} is no JSON: ${body.slice(0, 100)}`
  }
}

/** Bytes that are no request, and requests in forms that libraries do not send; what is wrong with the answers. */
async function* sendGarbage(base: string): AsyncGenerator<string> {
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
    const answer = await sendBytes(base, text)
    const isTold = /^HTTP\/1\.1 (2|3|405)/.test(answer) || /"reason":"[A-Z_]+"/.test(answer)
    if (answer !== '' && (!isTold || /fastify|"reason":"INTERNAL"/i.test(answer)))
      yield `${JSON.stringify(text.slice(0, 100))}: ${answer.slice(0, 300)}`
  }
}

/** What an API says that it has, but for events, which do not end. */
async function operationsOf(base: string): Promise<readonly Operation[]> {
  const { paths } = (await (await fetch(`${base}/openapi.json`)).json()) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  }
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(() => path !== '/events')
      .map(([method, operation]): Operation => ({ ...operation, base, path, method: method.toUpperCase() })),
  )
}

async function ask(peer: PeerProcess, operation: Operation): Promise<void> {
  const { base, method, requestBody } = operation
  const target = targetOf(operation)
  const types = requestBody === undefined ? undefined : Object.keys(requestBody.content)
  let fault: string | undefined
  try {
    const reply = await askOddly(base, { method, target, types }, random)
    if (reply === undefined) return
    statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
    fault = faultOf(reply, operation)
  } catch (thrown) {
    fault = String(thrown)
  }
  if (peer.exitCode !== undefined)
    throw new Error(`the peer ended at ${method} ${target}: ${peer.log().slice(-2000)}`)
  if (fault !== undefined)
    faults.set(`${method} ${operation.path}: ${fault.slice(0, 120)}`, target.slice(0, 300))
}

await using processes = await openPeerProcesses()
const peer = await processes.add()
const bases = [peer.url, peer.pinsvc]
console.log(`seed ${seed}, ${requests} requests each to ${bases.join(' and ')}`)
const faults = new Map<string, string>()
const statuses = new Map<number, number>()
for (const base of bases) {
  const operations = await operationsOf(base)
  for (let number = 0; number < requests; number++) await ask(peer, pick(operations))
  for await (const fault of sendGarbage(base)) faults.set(`raw bytes to ${base}`, fault)
}
if ((await fetch(`${peer.url}/id`)).status !== 200) throw new Error('the peer does not answer any more')
for (const line of errorsIn(peer.log())) console.log(`logged: ${line}`)
for (const [fault, target] of faults) console.log(`fault: ${fault}\n       ${target}`)
console.log(
  [...statuses]
    .sort(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`)
    .join('  '),
)
process.exitCode = faults.size === 0 ? 0 : 1
