import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../src/lib/random.ts'

/** A CID that nobody has. */
export const CID = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'
/** Values that no parameter expects, as they stand in a URL. */
export const ODD = [
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
/** Bodies that no route expects. */
export const BODIES = [
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
/** Types that bodies are said to have. */
export const TYPES = [
  'application/json',
  'application/x-ndjson',
  'multipart/form-data; boundary=x',
  'multipart/form-data',
  'text/plain',
  'x',
  '',
  'application/json; charset=utf-16',
]

/** A whole answer. */
export interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** What is to be asked. */
export interface OddAsk {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Types that the body may have besides those that nobody expects; undefined = no body is expected. */
  readonly types: readonly string[] | undefined
  /** Bodies that it may have besides those that nobody expects. */
  readonly bodies?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  /** Longer than that nobody waits: undefined = an answer must come. */
  readonly patienceMs?: number
}

const ANSWER_LIMIT_MS = 20_000

/** Picks one, evenly. */
export function picker(random: Random): <Item>(items: readonly Item[]) => Item {
  return items => {
    const item = items[Math.floor(random.next() * items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }
}

/** A target with nothing in it that HTTP does not allow. */
export function printable(target: string): string {
  return target.replace(/[^\x21-\x7e]/gu, encodeURIComponent)
}

/** Sends a request, leaves in the middle of one in ten, and sends half of some bodies. */
export function askOddly(base: string, ask: OddAsk, random: Random): Promise<Reply | undefined> {
  const url = new URL(base)
  const pick = picker(random)
  const { method, target: path } = ask
  const body = ask.types === undefined && random.next() < 0.9 ? '' : pick([...(ask.bodies ?? []), ...BODIES])
  const type = pick([...(ask.types ?? []), ...TYPES])
  const isLeaving = random.next() < 0.1
  const isCut = body !== '' && random.next() < 0.1
  // Without a length or chunks, a body of GET or DELETE would be the next request.
  const framing = body === '' ? {} : { 'Transfer-Encoding': 'chunked' }
  const declared = isCut ? { 'Content-Length': String(Buffer.byteLength(body) + 10) } : framing
  return new Promise((resolve, reject) => {
    const headers = {
      ...(type === '' ? {} : { 'Content-Type': type }),
      Accept: pick(['*/*', 'application/x-ndjson', 'x']),
      ...ask.headers,
      ...declared,
    }
    const to = { host: url.hostname, port: url.port, method, path, headers, agent: false }
    const sent = httpRequest(to, response => {
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
    })
    sent.setTimeout(ask.patienceMs ?? ANSWER_LIMIT_MS, () => {
      if (ask.patienceMs === undefined) reject(new Error(`no answer within ${ANSWER_LIMIT_MS / 1000} s`))
      else resolve(undefined)
      sent.destroy()
    })
    sent.on('error', error =>
      isCut || isLeaving || /EPIPE|ECONNRESET/.test(String(error)) ? resolve(undefined) : reject(error),
    )
    if (body !== '') sent.write(body)
    if (isCut) setImmediate(() => sent.destroy())
    else sent.end()
  })
}

/** Sends bytes as they are; answers with what came back within a fifth of a second. */
export async function sendBytes(base: string, text: string): Promise<string> {
  const { hostname, port } = new URL(base)
  const socket = connect(Number(port), hostname)
  let answer = ''
  // Being cut off is an answer too.
  socket.on('error', () => undefined)
  socket.on('data', chunk => {
    answer += chunk.toString('latin1')
  })
  socket.write(Buffer.from(text, 'latin1'))
  await sleep(200)
  socket.destroy()
  return answer
}

/** What the peer logged as an error, each once. */
export function errorsIn(log: string): readonly string[] {
  const errors = log.split('\n').filter(line => line.includes('"level":"error"'))
  return [...new Set(errors.map(text => text.replace(/"time":"[^"]*",/, '').slice(0, 600)))]
}
