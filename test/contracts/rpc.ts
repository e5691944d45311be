import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { CID } from 'multiformats/cid'
import { ClusterError } from '../../src/errors.ts'
import type { Block, Network, Rpc, RpcHandlers } from '../../src/interfaces.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { RPC_CONFIG, type RpcConfig } from '../../src/rpc/config.ts'
import { isProcedure, PROCEDURES } from '../../src/rpc/procedures.ts'
import { LINE_PROTOCOL, openRpc, RPC_PROTOCOL } from '../../src/rpc/rpc.ts'
import { eventually } from '../support/eventually.ts'
import { bareInfo, blockOf, EXAMPLES, first, only, peerInfo, second } from '../support/rpc-examples.ts'
import { type SilentLogger, silentLogger } from '../support/silent-logger.ts'
import type { OpenNetworks } from './network.ts'

const signal = AbortSignal.timeout(120_000)

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Handlers that do nothing but fail; a test replaces those that it calls. */
function handlersWith(own: Partial<RpcHandlers>): RpcHandlers {
  const fail = async function* () {
    yield* []
    throw new Error('not expected to be called')
  }
  const every = Object.fromEntries(Object.keys(PROCEDURES).map(name => [name, fail]))
  return { ...every, ...own } as RpcHandlers
}

interface Ends extends AsyncDisposable {
  readonly caller: Rpc
  readonly callerNetwork: Network
  readonly server: Network
  readonly logger: SilentLogger
}

async function openEnds(
  open: OpenNetworks,
  own: Partial<RpcHandlers>,
  options: { readonly isTrusted?: boolean; readonly config?: Partial<RpcConfig> } = {},
): Promise<Ends> {
  const parts = await open(2)
  const [callerNetwork, server] = parts.networks
  assert.ok(callerNetwork !== undefined && server !== undefined)
  await eventually('they are connected', () => callerNetwork.peers().length > 0 && server.peers().length > 0)
  const config = { ...RPC_CONFIG, ...options.config }
  const logger = silentLogger()
  const rest = {
    clock: systemClock,
    logger,
    meter: createNoopMeter(),
    isTrusted: () => options.isTrusted ?? true,
  }
  const caller = openRpc({ ...rest, network: callerNetwork, handlers: handlersWith({}) }, config)
  const answering = openRpc({ ...rest, network: server, handlers: handlersWith(own) }, config)
  return {
    caller,
    callerNetwork,
    server,
    logger,
    async [Symbol.asyncDispose]() {
      await caller[Symbol.asyncDispose]()
      await answering[Symbol.asyncDispose]()
      await parts[Symbol.asyncDispose]()
    },
  }
}

/** What calls between peers keep to, over any network. */
export function rpcContract(name: string, open: OpenNetworks): void {
  describe(`Rpc contract over: ${name}`, () => {
    roundTrips(open)
    errors(open)
    streams(open)
  })
}

function roundTrips(open: OpenNetworks): void {
  const names = Object.keys(PROCEDURES).filter(isProcedure)
  for (const procedure of names) {
    it(`${procedure}: every value arrives as it was sent, and who called`, async () => {
      for (const example of EXAMPLES[procedure]) {
        const isStream = procedure === 'putBlocks'
        let heard: unknown
        let caller = ''
        const handler = async function* (input: unknown, from: string) {
          heard = isStream ? await collect(input as AsyncIterable<Block>) : input
          caller = from
          yield* example.outputs
        }
        await using ends = await openEnds(open, { [procedure]: handler })
        const input = isStream ? only(first, second) : example.input
        const outputs = await collect(ends.caller.call(ends.server.self, procedure, input, { signal }))
        assert.deepEqual(normal(outputs), normal(example.outputs))
        assert.deepEqual(normal(heard), normal(isStream ? [first, second] : example.input))
        assert.equal(caller, ends.callerNetwork.self)
      }
    })
  }
}

/** CIDs by their text: two of the same content may differ in what they have cached. */
function normal(value: unknown): unknown {
  const cid = CID.asCID(value)
  if (cid !== null) return cid.toString()
  if (value instanceof Set || value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, normal(entry)]))
}

function errors(open: OpenNetworks): void {
  it('an error of the handler comes back with its code, message and details', async () => {
    await using ends = await openEnds(open, {
      async *status() {
        yield bareInfo
        throw new ClusterError('NOT_FOUND', 'no such pin', { details: { cid: 'x', count: 2, isOdd: false } })
      },
    })
    const found: unknown[] = []
    const asking = async () => {
      for await (const info of ends.caller.call(ends.server.self, 'status', { cid: first.cid }, { signal })) {
        found.push(info)
      }
    }
    await assert.rejects(asking(), {
      name: 'ClusterError',
      code: 'NOT_FOUND',
      message: 'no such pin',
      details: { cid: 'x', count: 2, isOdd: false },
    })
    assert.equal(found.length, 1)
  })

  it('a fault of the handler is INTERNAL for the caller and an error in the log of the other peer', async () => {
    await using ends = await openEnds(open, {
      async *id() {
        yield* []
        throw new TypeError('a bug')
      },
    })
    await assert.rejects(collect(ends.caller.call(ends.server.self, 'id', undefined, { signal })), {
      code: 'INTERNAL',
      message: 'a bug',
    })
    assert.equal(ends.logger.lines.filter(line => line.level === 'error').length, 1)
  })

  it('one who is not trusted may call what is open and nothing else, and may call itself', async () => {
    await using ends = await openEnds(
      open,
      {
        async *id() {
          yield peerInfo
        },
      },
      { isTrusted: false },
    )
    assert.equal((await collect(ends.caller.call(ends.server.self, 'id', undefined, { signal }))).length, 1)
    // What a peer holds of the pinset, which everybody in the cluster can read: so that those who are not trusted can let go.
    const closed = Object.keys(PROCEDURES).filter(name => name !== 'id' && name !== 'holds')
    for (const name of closed.filter(isProcedure)) {
      const [{ input } = { input: undefined }] = EXAMPLES[name]
      await assert.rejects(
        collect(ends.caller.call(ends.server.self, name, input, { signal })),
        { code: 'FORBIDDEN' },
        name,
      )
    }
    await assert.rejects(collect(ends.caller.call(ends.callerNetwork.self, 'links', undefined, { signal })), {
      message: 'not expected to be called',
    })
  })

  it('messages that make no sense are answered with INVALID_ARGUMENT, and the server lives on', async () => {
    await using ends = await openEnds(open, {
      async *id() {
        yield peerInfo
      },
    })
    const { encode, decode } = await import('@ipld/dag-cbor')
    const send = async (...messages: readonly Uint8Array[]) => {
      const answers = await collect(
        ends.callerNetwork.request(ends.server.self, RPC_PROTOCOL, only(...messages), { signal }),
      )
      const last = answers.at(-1)
      assert.ok(last !== undefined)
      return decode<{ readonly error: { readonly code: string } }>(last).error.code
    }
    const nonsense = [
      Uint8Array.of(255, 254, 253),
      encode(null),
      encode([]),
      encode({}),
      encode({ call: 7 }),
      encode({ call: 'nothing' }),
      encode({ call: '__proto__' }),
      encode({ call: 'toString' }),
      encode({ call: 'status', input: {} }),
      encode({ call: 'status', input: { cid: 'no' } }),
      encode({ call: 'status', input: first.cid }),
      encode({ call: 'statuses', input: { filter: ['no'] } }),
      encode({ call: 'statuses', input: { filter: 'pinned' } }),
    ]
    for (const message of nonsense) assert.equal(await send(message), 'INVALID_ARGUMENT')
    assert.equal(await send(), 'INVALID_ARGUMENT')
    assert.equal((await collect(ends.caller.call(ends.server.self, 'id', undefined, { signal }))).length, 1)
  })

  it('an answer that makes no sense is PEER_UNREACHABLE and names the peer', async () => {
    const parts = await open(2)
    const [caller, liar] = parts.networks
    assert.ok(caller !== undefined && liar !== undefined)
    await eventually('they are connected', () => caller.peers().length > 0)
    const { encode } = await import('@ipld/dag-cbor')
    const lies = [
      encode({ outputs: [encode({ cid: 7 })] }),
      encode({ outputs: [7] }),
      encode({}),
      Uint8Array.of(1, 2, 3),
      encode({ error: 'no' }),
    ]
    let lie = lies[0]
    liar.serve(RPC_PROTOCOL, async function* () {
      if (lie !== undefined) yield lie
    })
    const lineLies = [
      encode({ replies: [[0, encode({ outputs: [{ cid: 7 }] })]] }),
      encode({ replies: [[0, encode({ outputs: 7 })]] }),
      encode({ replies: [[0, encode({})]] }),
      encode({ replies: [[0, encode({ outputs: [], error: 'no' })]] }),
      encode({ replies: [[0, Uint8Array.of(255)]] }),
      encode({ replies: [[0]] }),
      encode({ replies: [['x', encode({ outputs: [] })]] }),
      encode({}),
      Uint8Array.of(1, 2, 3),
    ]
    let lineLie = lineLies[0]
    liar.serve(LINE_PROTOCOL, async function* (input) {
      for await (const _ of input) {
        if (lineLie !== undefined) yield lineLie
        return
      }
    })
    const rpc = openRpc({
      network: caller,
      handlers: handlersWith({}),
      isTrusted: () => true,
      clock: systemClock,
      logger: silentLogger(),
      meter: createNoopMeter(),
    })
    const isRefused = { code: 'PEER_UNREACHABLE', message: new RegExp(liar.self) }
    for (lie of lies) {
      const call = rpc.call(liar.self, 'statuses', { filter: undefined }, { signal })
      await assert.rejects(collect(call), isRefused)
    }
    for (lineLie of lineLies) {
      await assert.rejects(collect(rpc.call(liar.self, 'status', { cid: first.cid }, { signal })), isRefused)
    }
    await rpc[Symbol.asyncDispose]()
    await parts[Symbol.asyncDispose]()
  })
}

function streams(open: OpenNetworks): void {
  it('a short procedure that does not answer in time is a TIMEOUT, and its handler is stopped', async () => {
    const stopped = Promise.withResolvers<void>()
    await using ends = await openEnds(
      open,
      {
        async *id(_input, _from, options) {
          options.signal.addEventListener('abort', () => stopped.resolve(), { once: true })
          yield* []
          await stopped.promise
        },
      },
      { config: { answerTimeoutMs: 150 } },
    )
    await assert.rejects(collect(ends.caller.call(ends.server.self, 'id', undefined, { signal })), {
      code: 'TIMEOUT',
      message: new RegExp(ends.server.self),
    })
    await stopped.promise
  })

  it('a long procedure may take its time between two answers', async () => {
    await using ends = await openEnds(
      open,
      {
        async *gc(_input, _from, options) {
          await systemClock.sleep(1000, options.signal)
          yield { cid: first.cid }
          await systemClock.sleep(1000, options.signal)
        },
      },
      { config: { answerTimeoutMs: 800, aliveMs: 50 } },
    )
    assert.equal((await collect(ends.caller.call(ends.server.self, 'gc', undefined, { signal }))).length, 1)
  })

  it('a caller that reads slowly is not timed out', async () => {
    await using ends = await openEnds(
      open,
      {
        async *statuses() {
          for (let index = 0; index < 50; index++) yield { ...bareInfo, attemptCount: index }
        },
      },
      { config: { answerTimeoutMs: 600, aliveMs: 50 } },
    )
    let count = 0
    for await (const _ of ends.caller.call(ends.server.self, 'statuses', { filter: undefined }, { signal })) {
      if (count++ < 2) await systemClock.sleep(700, signal)
    }
    assert.equal(count, 50)
  })

  it('blocks are put one after the other while the caller waits for the handler', async () => {
    let takenCount = 0
    let madeCount = 0
    let aheadMax = 0
    await using ends = await openEnds(open, {
      async *putBlocks(blocks) {
        for await (const block of blocks) {
          assert.equal(block.bytes.length, 1_000_000)
          takenCount++
          if (takenCount < 4) await systemClock.sleep(100, signal)
          aheadMax = Math.max(aheadMax, madeCount - takenCount)
        }
        yield { blocks: takenCount }
      },
    })
    const blocks = async function* (): AsyncIterable<Block> {
      const { cid } = await blockOf('name')
      for (; madeCount < 60; madeCount++) yield { cid, bytes: new Uint8Array(1_000_000) }
    }
    const outputs = await collect(ends.caller.call(ends.server.self, 'putBlocks', blocks(), { signal }))
    assert.deepEqual(outputs, [{ blocks: 60 }])
    assert.ok(aheadMax < 30, `the caller was ${aheadMax} blocks ahead`)
  })

  it('a failing input is thrown to the caller as it is', async () => {
    await using ends = await openEnds(open, {
      async *putBlocks(blocks) {
        yield { blocks: (await collect(blocks)).length }
      },
    })
    const blocks = async function* (): AsyncIterable<Block> {
      yield await blockOf('one')
      throw new ClusterError('INVALID_ARGUMENT', 'the CAR file is cut off')
    }
    await assert.rejects(collect(ends.caller.call(ends.server.self, 'putBlocks', blocks(), { signal })), {
      code: 'INVALID_ARGUMENT',
      message: 'the CAR file is cut off',
    })
  })

  it('a peer that is not there is PEER_UNREACHABLE', async () => {
    await using ends = await openEnds(open, {})
    const unknown = '12D3KooWGBfKT1Y2rCPbSoXxBAq7Yhdt38yEQvJFqAGXbLGyxKhv'
    await assert.rejects(collect(ends.caller.call(unknown, 'id', undefined, { signal })), {
      code: 'PEER_UNREACHABLE',
    })
  })

  it('an aborted call ends with the reason', async () => {
    await using ends = await openEnds(open, {
      async *statuses() {
        while (true) yield bareInfo
      },
    })
    const stop = new AbortController()
    const reason = new Error('enough')
    const asking = async () => {
      const call = ends.caller.call(
        ends.server.self,
        'statuses',
        { filter: undefined },
        { signal: stop.signal },
      )
      for await (const _ of call) stop.abort(reason)
    }
    await assert.rejects(asking(), reason)
  })
}
