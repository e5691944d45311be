import assert from 'node:assert/strict'
import { it } from 'node:test'
import { encode } from '@ipld/dag-cbor'
import { createNoopMeter } from '@opentelemetry/api'
import { eventually } from '../../test/support/eventually.ts'
import { fakeNetwork } from '../../test/support/fake-network.ts'
import { bareInfo, first } from '../../test/support/rpc-examples.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { ClusterError } from '../errors.ts'
import type { Network, Options, Rpc, RpcHandlers } from '../interfaces.ts'
import { systemClock } from '../lib/clock.ts'
import { systemRandom } from '../lib/random.ts'
import { createIdentity } from '../model/identity.ts'
import type { PinInfo } from '../model/pin-status.ts'
import { callToBytes } from './codec.ts'
import { RPC_CONFIG, type RpcConfig } from './config.ts'
import { callsToBytes, repliesFromBytes, replyFromBytes } from './line-codec.ts'
import { LINE_PROTOCOL, openRpc } from './rpc.ts'

const limit = () => AbortSignal.timeout(20_000)
const statusCall = callToBytes({ name: 'status', input: { cid: first.cid } })

interface Ends extends AsyncDisposable {
  readonly caller: Rpc
  readonly callerNetwork: Network
  readonly server: Network
  readonly hub: ReturnType<typeof fakeNetwork>
  /** Shared streams that the caller has opened. */
  readonly lines: () => number
}

type Status = (options: Options) => Promise<PinInfo>

/** Two peers, of which one answers `status` and, in its own stream, `statuses`, as long as it trusts the other. */
function openEnds(status: Status, config: Partial<RpcConfig> = {}, isTrusted = () => true): Ends {
  const hub = fakeNetwork({ clock: systemClock, random: systemRandom })
  const [callerNetwork, server] = [hub.join(createIdentity().id), hub.join(createIdentity().id)]
  let linesCount = 0
  const counted: Pick<Network, 'self' | 'request' | 'serve'> = {
    self: callerNetwork.self,
    serve: (protocol, handler) => callerNetwork.serve(protocol, handler),
    request: (to, protocol, input, options) => {
      if (protocol === LINE_PROTOCOL) linesCount++
      return callerNetwork.request(to, protocol, input, options)
    },
  }
  const fail = async function* () {
    yield* []
    throw new Error('not expected to be called')
  }
  const handlers: RpcHandlers = {
    id: fail,
    status: async function* (_input, _from, options) {
      yield await status(options)
    },
    statuses: async function* (_input, _from, options) {
      yield await status(options)
    },
    holds: fail,
    noRoom: fail,
    recover: fail,
    recoverAll: fail,
    summary: fail,
    why: fail,
    gc: fail,
    links: fail,
    pinset: fail,
    repoStat: fail,
    left: fail,
    rebalance: fail,
    putBlocks: fail,
  }
  const rest = {
    clock: systemClock,
    logger: silentLogger(),
    meter: createNoopMeter(),
    isTrusted,
    handlers,
  }
  const all = { ...RPC_CONFIG, ...config }
  const caller = openRpc({ ...rest, network: counted }, all)
  const answering = openRpc({ ...rest, network: server }, all)
  return {
    caller,
    callerNetwork,
    server,
    hub,
    lines: () => linesCount,
    async [Symbol.asyncDispose]() {
      await caller[Symbol.asyncDispose]()
      await answering[Symbol.asyncDispose]()
      await callerNetwork[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

async function ask({ caller, server }: Ends, signal: AbortSignal = limit()): Promise<PinInfo> {
  for await (const info of caller.call(server.self, 'status', { cid: first.cid }, { signal })) return info
  throw new Error('no answer')
}

/** Resolves when the signal aborts. */
function stopped({ signal }: Options): Promise<PinInfo> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )
}

it('many calls at a time share one stream, and no more than a bounded number is under way', async () => {
  let runningCount = 0
  let runningMax = 0
  let count = 0
  await using ends = openEnds(async () => {
    runningMax = Math.max(runningMax, ++runningCount)
    const attemptCount = count++
    await new Promise(resolve => setImmediate(resolve))
    runningCount--
    return { ...bareInfo, attemptCount }
  })
  const signal = limit()
  const infos = await Promise.all(Array.from({ length: 2000 }, () => ask(ends, signal)))
  assert.equal(new Set(infos.map(info => info.attemptCount)).size, 2000)
  assert.equal(ends.lines(), 1)
  assert.ok(runningMax > 50 && runningMax <= 256, `${runningMax} at a time`)
})

it('what a peer may call follows the changes of trust, call by call, also on a stream that is open', async () => {
  let isTrusted = true
  await using ends = openEnds(
    async () => bareInfo,
    {},
    () => isTrusted,
  )
  const askLong = async () => {
    const input = { filter: undefined }
    for await (const _ of ends.caller.call(ends.server.self, 'statuses', input, { signal: limit() })) return
  }
  for (const isTrustedNow of [true, false, true]) {
    isTrusted = isTrustedNow
    for (const call of [() => ask(ends), askLong]) {
      if (isTrustedNow) await call()
      else await assert.rejects(call, { code: 'FORBIDDEN' })
    }
  }
  assert.equal(ends.lines(), 1)
})

it('an answer that cannot be written is an error of its call, and the others on the stream go on', async () => {
  let timestampMs = Number.NaN
  await using ends = openEnds(async () => ({ ...bareInfo, timestampMs, error: 'not plain' }))
  await assert.rejects(ask(ends), { code: 'INTERNAL' })
  timestampMs = 1000
  assert.equal((await ask(ends)).timestampMs, 1000)
  assert.equal(ends.lines(), 1)
})

it('a slow call holds no other one up', async () => {
  const gate = Promise.withResolvers<void>()
  let count = 0
  await using ends = openEnds(async () => {
    if (count++ === 0) await gate.promise
    return bareInfo
  })
  const slow = ask(ends)
  await eventually('the first call is there', () => count === 1)
  await Promise.all([ask(ends), ask(ends)])
  gate.resolve()
  await slow
})

it('a call that is given up stops its handler, and the others on the stream go on', async () => {
  let isStopped = false
  let count = 0
  await using ends = openEnds(async options => {
    if (count++ > 0) return bareInfo
    options.signal.addEventListener('abort', () => (isStopped = true), { once: true })
    return stopped(options)
  })
  const stop = new AbortController()
  const asking = assert.rejects(ask(ends, stop.signal), { message: 'enough' })
  await eventually('the call is there', () => count === 1)
  stop.abort(new Error('enough'))
  await asking
  await ask(ends)
  await eventually('its handler is stopped', () => isStopped)
  assert.equal(ends.lines(), 1)
})

it('when the connection breaks all calls under way fail at once, their handlers stop, and the next one opens a new stream', async () => {
  let stoppedCount = 0
  let isSlow = true
  await using ends = openEnds(options => {
    if (!isSlow) return Promise.resolve(bareInfo)
    options.signal.addEventListener('abort', () => stoppedCount++, { once: true })
    return stopped(options)
  })
  const failures = Promise.allSettled(Array.from({ length: 10 }, () => ask(ends)))
  await eventually('the calls are there', () => ends.lines() === 1)
  await systemClock.sleep(20, limit())
  ends.hub.cut(ends.callerNetwork.self, ends.server.self)
  for (const failure of await failures) {
    assert.ok(failure.status === 'rejected' && failure.reason instanceof ClusterError)
    assert.equal(failure.reason.code, 'PEER_UNREACHABLE')
  }
  await eventually('the handlers stop', () => stoppedCount === 10)
  ends.hub.heal()
  isSlow = false
  await ask(ends)
  assert.equal(ends.lines(), 2)
})

it('a stream over which nothing comes is given up with the call that timed out; one that is alive is kept', async () => {
  let isSilent = true
  await using ends = openEnds(options => (isSilent ? stopped(options) : Promise.resolve(bareInfo)), {
    answerTimeoutMs: 200,
  })
  await assert.rejects(ask(ends), { code: 'TIMEOUT' })
  isSilent = false
  await ask(ends)
  assert.equal(ends.lines(), 2)
  isSilent = true
  const slow = assert.rejects(ask(ends), { code: 'TIMEOUT' })
  await systemClock.sleep(50, limit())
  isSilent = false
  await ask(ends)
  await slow
  await ask(ends)
  assert.equal(ends.lines(), 2)
})

it('an idle stream closes, and the next call opens a new one', async () => {
  await using ends = openEnds(async () => bareInfo, { lineIdleMs: 20 })
  await ask(ends)
  await systemClock.sleep(100, limit())
  await ask(ends)
  assert.equal(ends.lines(), 2)
})

it('a peer that begins calls and takes no answers loses the stream, and costs a bounded number of calls', async () => {
  let begunCount = 0
  await using ends = openEnds(async () => {
    begunCount++
    return { ...bareInfo, error: 'x'.repeat(10_000) }
  })
  const flood = async function* () {
    for (let id = 0; ; id += 100) {
      const calls = Array.from({ length: 100 }, (_, at) => [id + at, statusCall] as const)
      yield callsToBytes({ calls, cancels: [] })
    }
  }
  const signal = limit()
  const answers = ends.callerNetwork.request(ends.server.self, LINE_PROTOCOL, flood(), { signal })
  const reading = async () => {
    for await (const _ of answers) await systemClock.sleep(5, signal)
  }
  await assert.rejects(reading(), { code: 'PEER_UNREACHABLE' })
  assert.ok(begunCount < 5000, `${begunCount} calls`)
  await ask(ends)
})

it('a peer has a few streams at most', async () => {
  await using ends = openEnds(async () => bareInfo)
  const signal = limit()
  const over = Promise.withResolvers<void>()
  const never = async function* () {
    yield callsToBytes({ calls: [[1, statusCall]], cancels: [] })
    await over.promise
  }
  const iterators = Array.from({ length: 8 }, () =>
    ends.callerNetwork.request(ends.server.self, LINE_PROTOCOL, never(), { signal })[Symbol.asyncIterator](),
  )
  const firsts = await Promise.allSettled(iterators.map(iterator => iterator.next()))
  assert.equal(firsts.filter(({ status }) => status === 'fulfilled').length, 4)
  over.resolve()
  for (const iterator of iterators) await iterator.return?.()
  await eventually('there is room again', async () => (await ask(ends)).status === bareInfo.status)
})

it('messages that make no sense end the stream; a call that makes none is answered with INVALID_ARGUMENT', async () => {
  await using ends = openEnds(async () => bareInfo)
  const send = async (message: Uint8Array) => {
    const input = async function* () {
      yield message
    }
    const messages: Uint8Array[] = []
    const options = { signal: limit() }
    for await (const answer of ends.callerNetwork.request(ends.server.self, LINE_PROTOCOL, input(), options))
      messages.push(answer)
    return messages
  }
  const nonsense = [
    Uint8Array.of(255, 254),
    encode(null),
    encode({ calls: 7, cancels: [] }),
    encode({ calls: [[1]], cancels: [] }),
    encode({ calls: [[-1, new Uint8Array(1)]], cancels: [] }),
    encode({ calls: [], cancels: ['x'] }),
    encode({
      calls: [
        [1, statusCall],
        [1, statusCall],
      ],
      cancels: [],
    }),
    new Uint8Array(100_000),
  ]
  for (const message of nonsense) await assert.rejects(send(message), { code: 'PEER_UNREACHABLE' })
  const calls = [
    encode({ call: 'nothing', input: null }),
    encode({ call: 'statuses', input: {} }),
    encode({ call: 'status', input: {} }),
    Uint8Array.of(1, 2, 3),
  ]
  const answers = await send(
    callsToBytes({ calls: calls.map((bytes, id) => [id, bytes] as const), cancels: [99] }),
  )
  const replies = answers.flatMap(message => repliesFromBytes(message))
  assert.deepEqual(
    replies.map(([, bytes]) => replyFromBytes(bytes).error?.code),
    calls.map(() => 'INVALID_ARGUMENT'),
  )
  await ask(ends)
})
