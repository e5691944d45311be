import http, { type IncomingMessage, type RequestListener } from 'node:http'
import { createNoopMeter } from '@opentelemetry/api'
import { Value } from 'typebox/value'
import { parseApiAddress } from '../../src/api/address.ts'
import { type ProxySection, proxySchema, toProxyConfig } from '../../src/api/proxy/config.ts'
import { openIpfsProxy } from '../../src/api/proxy/proxy.ts'
import { readText } from '../../src/api/read-lines.ts'
import type { Cluster, Ipfs } from '../../src/interfaces.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { openFakeIpfs } from './fake-ipfs.ts'
import { type SilentLogger, silentLogger } from './silent-logger.ts'
import { stubCluster } from './stub-cluster.ts'

/** Names with values, in order. */
export type Pairs = readonly (readonly [name: string, value: string])[]

/** A whole answer of the proxy. Header names are in lower case. */
export interface ProxyAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly trailers: Pairs
  readonly body: string
}

/** How one asks. */
export interface ProxyAsk {
  readonly method?: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Buffer
}

/** A proxy on a port of its own. */
export interface ProxyServer extends AsyncDisposable {
  readonly port: number
  readonly logger: SilentLogger
  ask(path: string, ask?: ProxyAsk): Promise<ProxyAnswer>
  /** The request before its body is sent, for those that do it badly. */
  begin(path: string, ask?: ProxyAsk): http.ClientRequest
}

/** What stands around the proxy. */
export interface ProxyWorld {
  readonly cluster?: Partial<Cluster>
  readonly ipfs?: Ipfs
  /** Port of a Kubo on loopback; without it the node is the given one. */
  readonly kuboPort?: number
  readonly section?: Partial<ProxySection>
  readonly clock?: Clock
}

/** Serves a proxy over a stub of a cluster. */
export async function serveProxy(world: ProxyWorld): Promise<ProxyServer> {
  const { clock = systemClock, kuboPort } = world
  const logger = silentLogger()
  const section = {
    ...Value.Create(proxySchema),
    listen_multiaddress: '/ip4/127.0.0.1/tcp/0',
    ...world.section,
  }
  const proxy = await openIpfsProxy(
    {
      cluster: stubCluster({ version: '1.1.6', ...world.cluster }),
      ipfs: world.ipfs ?? openFakeIpfs({ clock }),
      kubo: kuboPort === undefined ? undefined : parseApiAddress(`/ip4/127.0.0.1/tcp/${kuboPort}`),
      clock,
      logger,
      meter: createNoopMeter(),
    },
    toProxyConfig(section),
  )
  const port = Number(proxy.addresses[0]?.split('/').at(-1))
  const begin = (path: string, { method = 'POST', headers = {} }: ProxyAsk = {}) =>
    http.request({ host: '127.0.0.1', port, method, path, headers, agent: false })
  return {
    port,
    logger,
    begin,
    async ask(path, ask = {}) {
      const sent = begin(path, ask)
      sent.end(ask.body)
      return readAnswer(await answerTo(sent))
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  }
}

/** The head of the answer. */
export function answerTo(sent: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.on('response', resolve)
    sent.on('error', reject)
  })
}

/** All of an answer. */
export async function readAnswer(answer: IncomingMessage): Promise<ProxyAnswer> {
  const body = await readText(answer)
  const { rawTrailers: raw, headers } = answer
  const trailers = raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ''] as const] : []))
  return { status: answer.statusCode ?? 0, headers, trailers, body }
}

/** A server on loopback that stands for a Kubo. */
export interface FakeKubo extends AsyncDisposable {
  readonly port: number
  /** What it was asked, `METHOD path`, in order. */
  readonly asked: string[]
}

/** Serves a stand-in for a Kubo, which answers OPTIONS and the version as Kubo does and everything else as told. */
export async function serveFakeKubo(listener: RequestListener): Promise<FakeKubo> {
  const asked: string[] = []
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.method === 'OPTIONS' && request.headers['content-length'] === undefined) {
      const { origin } = request.headers
      const isOwn = origin === 'http://127.0.0.1:25001'
      response.setHeader('vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
      if (isOwn) response.setHeader('access-control-allow-origin', origin)
      response.writeHead(204).end()
    } else if (request.url === '/api/v0/version' && request.headers['x-forwarded-for'] === undefined) {
      response.setHeader(
        'access-control-expose-headers',
        'X-Stream-Output, X-Chunked-Output, X-Content-Length',
      )
      response.setHeader('x-extra', 'yes').end('{"Version":"0.44.0"}\n')
    } else listener(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it has a port')
  return {
    port: address.port,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
