import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Network, StreamHandler } from '../../src/interfaces.ts'
import { eventually } from '../support/eventually.ts'

const ECHO = '/pinfold/test/echo/1'
const signal = AbortSignal.timeout(120_000)
const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const text = (value: Uint8Array) => Buffer.from(value).toString()

/** Networks that are connected to each other, or will be: every peer knows the address of the first one only. */
export type OpenNetworks = (
  count: number,
) => Promise<AsyncDisposable & { readonly networks: readonly Network[] }>

async function* each(...messages: readonly string[]): AsyncIterable<Uint8Array> {
  for (const message of messages) yield bytes(message)
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found: string[] = []
  for await (const message of stream) found.push(text(message))
  return found
}

const echo: StreamHandler = async function* (input, from) {
  yield bytes(`hello ${from}`)
  yield* input
}

async function pairOf(open: OpenNetworks) {
  const parts = await open(2)
  const [a, b] = parts.networks
  assert.ok(a !== undefined && b !== undefined)
  await eventually('the two are connected', () => a.peers().includes(b.self) && b.peers().includes(a.self))
  return { a, b, [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose]() }
}

/** What every `Network` keeps to. */
export function networkContract(name: string, open: OpenNetworks): void {
  describe(`Network contract: ${name}`, () => {
    requests(open)
    failures(open)
    gossip(open)
    connections(open)
  })
}

function requests(open: OpenNetworks): void {
  it('a request carries messages there and back, and who asked', async () => {
    await using pair = await pairOf(open)
    using _ = pair.b.serve(ECHO, echo)
    const answers = await collect(pair.a.request(pair.b.self, ECHO, each('x', '', 'y'), { signal }))
    assert.deepEqual(answers, [`hello ${pair.a.self}`, 'x', '', 'y'])
  })

  it('messages flow both ways while both directions are open', async () => {
    await using pair = await pairOf(open)
    using _ = pair.b.serve(ECHO, async function* (input) {
      for await (const message of input) yield bytes(`got ${text(message)}`)
    })
    let heard = Promise.withResolvers<void>()
    const input = async function* () {
      for (const word of ['one', 'two', 'three']) {
        yield bytes(word)
        await heard.promise
        heard = Promise.withResolvers()
      }
    }
    const answers: string[] = []
    for await (const message of pair.a.request(pair.b.self, ECHO, input(), { signal })) {
      answers.push(text(message))
      heard.resolve()
    }
    assert.deepEqual(answers, ['got one', 'got two', 'got three'])
  })

  it('the largest message comes through, and a larger one is refused before it is sent', async () => {
    await using pair = await pairOf(open)
    using _ = pair.b.serve(ECHO, async function* (input) {
      for await (const message of input) yield bytes(`${message.length} ${message[message.length - 1]}`)
    })
    const largest = new Uint8Array(4 * 1024 * 1024).fill(7)
    const ask = (message: Uint8Array) =>
      collect(
        pair.a.request(
          pair.b.self,
          ECHO,
          (async function* () {
            yield message
          })(),
          { signal },
        ),
      )
    assert.deepEqual(await ask(largest), [`${largest.length} 7`])
    await assert.rejects(ask(new Uint8Array(largest.length + 1)), { code: 'TOO_LARGE' })
  })

  it('a caller that reads slowly holds the handler back', async () => {
    await using pair = await pairOf(open)
    let madeCount = 0
    using _ = pair.b.serve(ECHO, async function* () {
      for (; madeCount < 160; madeCount++) yield new Uint8Array(256 * 1024).fill(madeCount)
    })
    let readCount = 0
    let aheadMax = 0
    for await (const message of pair.a.request(pair.b.self, ECHO, each(), { signal })) {
      assert.equal(message[0], readCount % 256)
      readCount++
      if (readCount <= 10) await settled(() => madeCount)
      aheadMax = Math.max(aheadMax, madeCount - readCount)
    }
    assert.equal(readCount, 160)
    assert.ok(aheadMax < 80, `the handler was ${aheadMax} messages of 256 KiB ahead`)
  })

  it('a handler that reads slowly holds the caller back', async () => {
    await using pair = await pairOf(open)
    let madeCount = 0
    let readCount = 0
    let aheadMax = 0
    using _ = pair.b.serve(ECHO, async function* (input) {
      for await (const message of input) {
        assert.equal(message[0], readCount % 256)
        readCount++
        if (readCount <= 10) await settled(() => madeCount)
        aheadMax = Math.max(aheadMax, madeCount - readCount)
      }
      yield bytes(String(readCount))
    })
    const input = async function* () {
      for (; madeCount < 160; madeCount++) yield new Uint8Array(256 * 1024).fill(madeCount)
    }
    assert.deepEqual(await collect(pair.a.request(pair.b.self, ECHO, input(), { signal })), ['160'])
    assert.ok(aheadMax < 80, `the caller was ${aheadMax} messages of 256 KiB ahead`)
  })

  it('many requests run side by side', async () => {
    await using pair = await pairOf(open)
    using _ = pair.b.serve(ECHO, echo)
    const asked = Array.from({ length: 200 }, (_, index) =>
      collect(pair.a.request(pair.b.self, ECHO, each(String(index)), { signal })),
    )
    const answers = await Promise.all(asked)
    answers.forEach((answer, index) => assert.equal(answer[1], String(index)))
  })
}

/** Waits until a number stands still. */
async function settled(read: () => number): Promise<void> {
  let last = read()
  let since = performance.now()
  await eventually('it stands still', () => {
    const now = read()
    if (now !== last) {
      last = now
      since = performance.now()
    }
    return performance.now() - since > 50
  })
}

function failures(open: OpenNetworks): void {
  it('an answer ends the request also when input is left, and lets go of the input', async () => {
    await using pair = await pairOf(open)
    using _ = pair.b.serve(ECHO, async function* () {
      yield bytes('enough')
    })
    let isReleased = false
    const input = async function* () {
      try {
        while (true) yield new Uint8Array(100_000)
      } finally {
        isReleased = true
      }
    }
    assert.deepEqual(await collect(pair.a.request(pair.b.self, ECHO, input(), { signal })), ['enough'])
    await eventually('the input is released', () => isReleased)
  })

  it('what a handler throws reaches the caller as PEER_UNREACHABLE, never as an end', async () => {
    await using pair = await pairOf(open)
    using _ = pair.b.serve(ECHO, async function* () {
      yield bytes('one')
      throw new Error('out of luck')
    })
    const found: string[] = []
    const asking = async () => {
      for await (const message of pair.a.request(pair.b.self, ECHO, each('x'), { signal })) {
        found.push(text(message))
      }
    }
    await assert.rejects(asking(), { code: 'PEER_UNREACHABLE' })
    assert.ok(found.length <= 1)
  })

  it('a failing input is thrown to the caller and never looks like an end to the handler', async () => {
    await using pair = await pairOf(open)
    let handlerSaw = ''
    using _ = pair.b.serve(ECHO, async function* (input) {
      try {
        for await (const message of input) handlerSaw = text(message) === 'x' ? '' : 'other bytes'
        handlerSaw = 'an end'
        yield bytes('done')
      } catch (thrown) {
        handlerSaw = 'a failure'
        throw thrown
      }
    })
    const input = async function* () {
      yield bytes('x')
      throw new Error('the file is gone')
    }
    await assert.rejects(collect(pair.a.request(pair.b.self, ECHO, input(), { signal })), {
      message: 'the file is gone',
    })
    await eventually('the handler knows', () => handlerSaw !== '')
    assert.equal(handlerSaw, 'a failure')
  })

  it('an aborted request ends with the reason, and the handler learns of it', async () => {
    await using pair = await pairOf(open)
    const stopped = Promise.withResolvers<void>()
    using _ = pair.b.serve(ECHO, async function* (_input, _from, options) {
      yield bytes('begun')
      options.signal.addEventListener('abort', () => stopped.resolve(), { once: true })
      await stopped.promise
    })
    const stop = new AbortController()
    const reason = new Error('not needed any more')
    const asking = async () => {
      for await (const _message of pair.a.request(pair.b.self, ECHO, each(), { signal: stop.signal })) {
        stop.abort(reason)
      }
    }
    await assert.rejects(asking(), reason)
    await stopped.promise
  })

  it('a caller that stops reading stops the handler', async () => {
    await using pair = await pairOf(open)
    const stopped = Promise.withResolvers<void>()
    using _ = pair.b.serve(ECHO, async function* (_input, _from, options) {
      options.signal.addEventListener('abort', () => stopped.resolve(), { once: true })
      yield bytes('begun')
      await stopped.promise
    })
    for await (const _message of pair.a.request(pair.b.self, ECHO, each(), { signal })) break
    await stopped.promise
  })

  it('a protocol that nobody serves and a peer that nobody knows are PEER_UNREACHABLE', async () => {
    await using pair = await pairOf(open)
    const unknown = '12D3KooWGBfKT1Y2rCPbSoXxBAq7Yhdt38yEQvJFqAGXbLGyxKhv'
    const isUnreachable = { code: 'PEER_UNREACHABLE' }
    await assert.rejects(collect(pair.a.request(pair.b.self, '/none/1', each(), { signal })), isUnreachable)
    await assert.rejects(collect(pair.a.request(unknown, ECHO, each(), { signal })), isUnreachable)
    using served = pair.b.serve(ECHO, echo)
    served[Symbol.dispose]()
    await assert.rejects(collect(pair.a.request(pair.b.self, ECHO, each(), { signal })), isUnreachable)
  })

  it('a peer that goes away in the middle is PEER_UNREACHABLE, and its own handlers are stopped', async () => {
    await using pair = await pairOf(open)
    let isStopped = false
    pair.b.serve(ECHO, async function* (_input, _from, options) {
      yield bytes('begun')
      await new Promise((_, reject) => {
        options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true })
      }).finally(() => {
        isStopped = true
      })
    })
    let closing: Promise<void> | undefined
    const asking = async () => {
      for await (const _message of pair.a.request(pair.b.self, ECHO, each(), { signal })) {
        closing = Promise.resolve(pair.b[Symbol.asyncDispose]())
      }
    }
    await assert.rejects(asking(), { code: 'PEER_UNREACHABLE' })
    await closing
    assert.ok(isStopped)
  })
}

function gossip(open: OpenNetworks): void {
  it('what is published reaches every other subscriber with its author, and not the author', async () => {
    await using parts = await open(3)
    const heard = parts.networks.map(() => new Set<string>())
    parts.networks.forEach((network, index) =>
      network.subscribe('news', (message, from) => heard[index]?.add(`${from}: ${text(message)}`)),
    )
    // Gossip is best effort, so each peer says it again until everybody has heard it.
    await eventually(
      'all heard all others',
      async () => {
        for (const network of parts.networks) await network.publish('news', bytes(`by ${network.self}`))
        return heard.every(set => set.size >= 2)
      },
      20_000,
    )
    parts.networks.forEach((network, index) => {
      const others = parts.networks.filter(other => other !== network)
      assert.deepEqual(
        [...(heard[index] ?? [])].sort(),
        others.map(other => `${other.self}: by ${other.self}`).sort(),
      )
    })
  })

  it('a listener that is disposed hears nothing more', async () => {
    await using pair = await pairOf(open)
    let early = 0
    let late = 0
    const subscription = pair.b.subscribe('news', () => early++)
    pair.b.subscribe('news', () => late++)
    const hear = (count: () => number) =>
      eventually('a message arrives', async () => {
        await pair.a.publish('news', bytes(`${Math.random()}`))
        return count() > 0
      })
    await hear(() => early)
    subscription[Symbol.dispose]()
    const before = early
    late = 0
    await hear(() => late)
    assert.equal(early, before)
  })

  it('publishing reaches nobody but does not fail when nobody listens', async () => {
    await using pair = await pairOf(open)
    await pair.a.publish('nobody', bytes('anyone?'))
  })
}

function connections(open: OpenNetworks): void {
  it('peers that know only one address in common find and connect to each other', async () => {
    await using parts = await open(4)
    const others = (network: Network) =>
      parts.networks
        .filter(other => other !== network)
        .map(other => other.self)
        .sort()
    await eventually(
      'everyone is connected to everyone',
      () => parts.networks.every(network => others(network).every(peer => network.peers().includes(peer))),
      20_000,
    )
    for (const network of parts.networks) {
      assert.ok(!network.peers().includes(network.self))
      for (const peer of others(network)) {
        const addresses = await eventually('an address is known', async () => {
          const known = await network.addressesOf(peer)
          return known.length > 0 && known
        })
        for (const address of addresses) assert.ok(address.endsWith(`/p2p/${peer}`), address)
      }
    }
  })

  it('own addresses end in the own peer id and can be dialled', async () => {
    await using pair = await pairOf(open)
    const [address] = pair.b.addresses()
    assert.ok(address !== undefined && address.endsWith(`/p2p/${pair.b.self}`), address)
    assert.equal(await pair.a.connect(address, { signal }), pair.b.self)
  })

  it('knows the round-trip time of a connected peer and of no other', async () => {
    await using pair = await pairOf(open)
    const latency = await eventually('it is measured', () => pair.a.latencyMs(pair.b.self))
    assert.ok(latency >= 0 && latency < 5000, String(latency))
    assert.equal(pair.a.latencyMs('12D3KooWGBfKT1Y2rCPbSoXxBAq7Yhdt38yEQvJFqAGXbLGyxKhv'), undefined)
  })

  it('tells when a peer goes, once', async () => {
    await using pair = await pairOf(open)
    const events: string[] = []
    const { self } = pair.b
    pair.a.onPeer(({ peer, isConnected }) => {
      if (peer === self) events.push(isConnected ? 'came' : 'went')
    })
    await pair.b[Symbol.asyncDispose]()
    await eventually('the other went', () => events.includes('went'))
    assert.deepEqual(events, ['went'])
    assert.ok(!pair.a.peers().includes(self))
  })

  it('may be disposed twice', async () => {
    await using pair = await pairOf(open)
    await pair.b[Symbol.asyncDispose]()
    await pair.b[Symbol.asyncDispose]()
  })
}
