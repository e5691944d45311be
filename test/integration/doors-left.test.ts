import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import { listStatuses } from '../../src/cluster/statuses.ts'
import type { Network, Rpc, RpcHandlers } from '../../src/interfaces.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Emitter } from '../../src/lib/emitter.ts'
import { Pages } from '../../src/lib/pages.ts'
import type { Metric } from '../../src/model/metric.ts'
import type { PeerCondition, PeerHealth } from '../../src/model/peer-health.ts'
import { toPin } from '../../src/model/pin.ts'
import type { PinInfo } from '../../src/model/pin-status.ts'
import { openRpc } from '../../src/rpc/rpc.ts'
import { eventually } from '../support/eventually.ts'
import { fakeConsensus } from '../support/fake-consensus.ts'
import { fakeMonitor } from '../support/fake-monitor.ts'
import { openStar } from '../support/real-network.ts'
import { openRestServer } from '../support/rest-server.ts'
import { silentLogger } from '../support/silent-logger.ts'

/** What a peer was asked for, and when it was told that nobody wants it any more. */
interface Asked {
  isAsked: boolean
  pages: number
  toldMs: number | undefined
  isClosed: boolean
}

/** The number-th CID in order. */
function cidAt(number: number) {
  const digest = Buffer.alloc(32)
  digest.writeUInt32BE(number)
  return CID.createV1(0x55, create(0x12, digest))
}

const infoAt = (number: number): PinInfo => ({
  cid: cidAt(number),
  status: 'pinned',
  timestampMs: 1_700_000_000_000,
  error: '',
  attemptCount: 0,
  isPriority: false,
  pin: toPin(cidAt(number), { name: 'n'.repeat(100) }),
})

/** A list without end, or, when it is silent, one whose first line never comes. */
async function* endless(asked: Asked, isSilent: boolean, signal: AbortSignal) {
  asked.isAsked = true
  signal.addEventListener('abort', () => (asked.toldMs = performance.now()), { once: true })
  try {
    for (let number = 0; ; number += 256) {
      if (isSilent) await once(signal, 'abort')
      signal.throwIfAborted()
      asked.pages += 1
      yield Array.from({ length: 256 }, (_, at) => infoAt(number + at))
    }
  } finally {
    asked.isClosed = true
  }
}

function openPeer(network: Network, asked: Asked, isSilent: boolean): Rpc {
  const fail = () => {
    throw new Error('not expected to be called')
  }
  const handlers = new Proxy({} as RpcHandlers, {
    get: (_, name) =>
      name === 'statuses'
        ? (_input: unknown, _from: unknown, { signal }: { readonly signal: AbortSignal }) =>
            new Pages(endless(asked, isSilent, signal))
        : fail,
  })
  const parts = { clock: systemClock, logger: silentLogger(), meter: createNoopMeter() }
  return openRpc({ ...parts, network, handlers, isTrusted: () => true })
}

/** Three peers over real connections, of which the first has an API and the others list without end. */
async function openThree(isSilent: boolean) {
  await using opened = new AsyncDisposableStack()
  const { networks } = opened.use(await openStar(3))
  const asked = networks.map(
    (): Asked => ({
      isAsked: false,
      pages: 0,
      toldMs: undefined,
      isClosed: false,
    }),
  )
  const rpcs = asked.map((each, at) => {
    const network = networks[at]
    assert.ok(network !== undefined)
    return opened.use(openPeer(network, each, isSilent))
  })
  const [first, ...others] = networks
  const [rpc] = rpcs
  const [own, ...remote] = asked
  assert.ok(first !== undefined && rpc !== undefined && own !== undefined)
  await eventually('they are connected', () => first.peers().length === others.length)
  const watched = {
    news: new Emitter<Metric>(),
    changes: new Emitter<PeerHealth>(),
    beats: [],
    conditions: new Map<string, PeerCondition>(),
  }
  const monitor = fakeMonitor({ ...watched, ids: networks.map(({ self }) => self) }, first.self)
  const components = {
    self: first.self,
    rpc,
    monitor,
    consensus: fakeConsensus(),
    clock: systemClock,
    tracker: {
      statuses: (_filter: unknown, { signal }: { readonly signal: AbortSignal }) =>
        new Pages(endless(own, isSilent, signal)),
    },
  }
  const server = opened.use(
    await openRestServer({
      statuses: (filter, scope) => listStatuses(components as never, { isFollower: false }, filter, scope),
    }),
  )
  const all = opened.move()
  return { port: server.port, remote, own, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/** Leaves by `leave`, and says after how many milliseconds the last of the peers knew. */
async function knownAfter(asked: readonly Asked[], leave: () => void): Promise<number> {
  assert.ok(asked.every(({ toldMs }) => toldMs === undefined))
  const leftMs = performance.now()
  leave()
  await eventually(
    'all know',
    () => asked.every(({ toldMs, isClosed }) => toldMs !== undefined && isClosed),
    5000,
  )
  return Math.max(...asked.map(({ toldMs = 0 }) => toldMs)) - leftMs
}

test('when a client leaves that is reading states of all peers, the other peers stop within a second', async () => {
  await using three = await openThree(false)
  const request = http.get({ port: three.port, path: '/pins', agent: false })
  request.on('error', () => undefined)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.on('error', () => undefined)
  let seen = 0
  for await (const chunk of response as AsyncIterable<Buffer>) if ((seen += chunk.length) > 1_000_000) break
  const tookMs = await knownAfter([...three.remote, three.own], () => request.destroy())
  assert.ok(tookMs < 1000, `${tookMs} ms`)
})

test('so they do for one that had stopped reading', async () => {
  await using three = await openThree(false)
  const request = http.get({ port: three.port, path: '/pins', agent: false })
  request.on('error', () => undefined)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.on('error', () => undefined)
  response.pause()
  const pages = () => three.remote.map(asked => asked.pages).join()
  let before = ''
  await eventually('all stand still', async () => {
    const isStill = before === pages()
    before = pages()
    if (!isStill) await systemClock.sleep(300, AbortSignal.timeout(5000))
    return isStill
  })
  const tookMs = await knownAfter([...three.remote, three.own], () => request.destroy())
  assert.ok(tookMs < 1000, `${tookMs} ms`)
})

test('so they do for one that leaves before the first line', async () => {
  await using three = await openThree(true)
  const request = http.get({ port: three.port, path: '/pins', agent: false })
  request.on('error', () => undefined)
  await once(request, 'socket')
  const all = [...three.remote, three.own]
  await eventually('all are asked', () => all.every(({ isAsked }) => isAsked))
  const tookMs = await knownAfter(all, () => request.destroy())
  assert.ok(tookMs < 1000, `${tookMs} ms`)
})
