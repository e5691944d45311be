import assert from 'node:assert/strict'
import type { RequestListener, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { openHttpDouble } from '../../../test/support/http-double.ts'
import { rawBlock, sampleBytes, streamOf } from '../../../test/support/sample-dag.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { virtualClock } from '../../../test/support/virtual-clock.ts'
import { ClusterError, type Code } from '../../errors.ts'
import type { Ipfs } from '../../interfaces.ts'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { openKubo } from './kubo.ts'

const LISTED = 1000

test('a listing that ends with X-Stream-Error throws, however much came before', async () => {
  await using double = await openHttpDouble((_, response) => {
    response.setHeader('Trailer', 'X-Stream-Error')
    writePins(response, LISTED)
    response.addTrailers({ 'X-Stream-Error': 'datastore closed' })
    response.end()
  })
  await using ipfs = await open(double.address)
  const { error, count } = await list(ipfs)
  assert.equal(error?.code, 'IPFS_REFUSED')
  assert.match(error?.message ?? '', /datastore closed/)
  assert.equal(count, LISTED)
})

test('a listing whose connection is cut throws, between lines and within one', async () => {
  for (const tail of ['', '{"Cid":"bafk']) {
    await using double = await openHttpDouble((_, response) => {
      writePins(response, LISTED)
      response.write(tail === '' ? '\n' : tail, () => response.destroy())
    })
    await using ipfs = await open(double.address)
    assert.equal((await list(ipfs)).error?.code, 'IPFS_UNAVAILABLE')
  }
})

test('a listing whose last line is broken, or whose length nobody says, throws', async () => {
  await using broken = await openHttpDouble((_, response) => response.end('{"Cid":"bafk'))
  await using first = await open(broken.address)
  assert.equal((await list(first)).error?.code, 'IPFS_UNAVAILABLE')
  await using endless = await openHttpDouble((_, response) => {
    response.shouldKeepAlive = false
    response.useChunkedEncodingByDefault = false
    response.writeHead(200)
    response.end('{}\n')
  })
  await using second = await open(endless.address)
  assert.equal((await list(second)).error?.code, 'IPFS_UNAVAILABLE')
})

test('a second listing waits for the first, and goes on when the first is given up', async () => {
  await using double = await openHttpDouble((request, response) => {
    if (request.url?.includes('type=direct') === true) response.end()
    else writePins(response, 1, () => response.end())
  })
  await using ipfs = await open(double.address)
  const first = ipfs.allPinned(limit())[Symbol.asyncIterator]()
  await first.next()
  const second = list(ipfs)
  await turns(20)
  assert.equal(double.requests.length, 1)
  await first.return?.(undefined)
  assert.deepEqual(await second, { count: 1, error: undefined })
})

test('a pin without a further block for the time-out fails with the CID and the blocks so far', async () => {
  const clock = virtualClock()
  let isAsked = false
  await using double = await openHttpDouble(
    pinDouble(response => {
      isAsked = true
      // Kubo repeats the count while it stands still: that is no progress.
      response.write('{"Progress":7}\n')
      response.write('{"Progress":7}\n')
    }),
  )
  await using ipfs = await open(double.address, clock)
  const { cid } = await rawBlock(sampleBytes(10, 'stall'))
  const seen: number[] = []
  const pinning = fails(
    'TIMEOUT',
    ipfs.pin(cid, 'recursive', { ...limit(), onProgress: at => seen.push(at.blocks) }),
  )
  await until(() => isAsked && seen.length > 0)
  await clock.advance(119_000)
  await clock.advance(1000)
  const error = await pinning
  assert.match(error.message, new RegExp(`${cid.toString()} .* 2m0s \\(7 so far\\)`))
  assert.deepEqual(seen, [7])
})

test('a pin that goes on block by block outlasts the time-out', async () => {
  const clock = virtualClock()
  let answer: ServerResponse | undefined
  await using double = await openHttpDouble(
    pinDouble(response => {
      answer = response
      response.write('{"Progress":1}\n')
    }),
  )
  await using ipfs = await open(double.address, clock)
  const { cid } = await rawBlock(sampleBytes(10, 'slow'))
  let blocks = 0
  const pinning = ipfs.pin(cid, 'recursive', { ...limit(), onProgress: at => (blocks = at.blocks) })
  for (let round = 2; round < 6; round++) {
    await until(() => blocks === round - 1)
    await clock.advance(100_000)
    answer?.write(`{"Progress":${round}}\n`)
  }
  answer?.end('{"Pins":["x"]}\n')
  await pinning
})

test('a pin whose answer ends early is not taken for pinned', async () => {
  const endings: ((response: ServerResponse) => void)[] = [
    response => response.end('{"Progress":1}\n'),
    response => {
      response.setHeader('Trailer', 'X-Stream-Error')
      response.write('{"Progress":1}\n')
      response.addTrailers({ 'X-Stream-Error': 'context canceled' })
      response.end()
    },
  ]
  for (const ending of endings) {
    await using double = await openHttpDouble(pinDouble(ending))
    await using ipfs = await open(double.address)
    const { cid } = await rawBlock(sampleBytes(10, 'early'))
    await fails('IPFS_REFUSED', ipfs.pin(cid, 'recursive', limit()))
  }
})

test('opening does not need Kubo, and a call says where it was not found', async () => {
  await using ipfs = await open('/ip4/127.0.0.1/tcp/1')
  const error = await fails('IPFS_UNAVAILABLE', ipfs.id(limit()))
  assert.match(error.message, /\/ip4\/127\.0\.0\.1\/tcp\/1/)
  assert.match(error.message, /node_multiaddress/)
})

test('after more than ten failures in a row one request a second goes out, until one is answered', async () => {
  const clock = virtualClock()
  const gone = await openHttpDouble(() => undefined)
  await gone[Symbol.asyncDispose]()
  await using ipfs = await open(gone.address, clock)
  for (let at = 0; at < 11; at++) await fails('IPFS_UNAVAILABLE', ipfs.version(limit()))
  let ended = 0
  const calls = Array.from({ length: 3 }, () => ipfs.version(limit()).finally(() => ended++))
  const outcomes = Promise.allSettled(calls)
  await turns(20)
  assert.equal(ended, 0)
  await clock.advance(1000)
  await until(() => ended === 1)
  await using _back = await openHttpDouble((_, response) => response.end('{"Version":"1"}'), gone.port)
  await clock.advance(1000)
  const [first, second, third] = await outcomes
  assert.deepEqual([first?.status, second?.status, third?.status], ['rejected', 'fulfilled', 'fulfilled'])
})

test('a kept connection that the node has closed is replaced without an error', async () => {
  await using double = await openHttpDouble((request, response) => {
    const { socket } = request
    response.end('{"Version":"1"}', () => setImmediate(() => socket.destroy()))
  })
  await using ipfs = await open(double.address)
  for (let at = 0; at < 30; at++) assert.equal(await ipfs.version(limit()), '1')
})

test('a pin that is given up fails with the reason and closes its connection, so that Kubo stops too', async () => {
  let isClosed = false
  let isAsked = false
  await using double = await openHttpDouble(
    pinDouble(response => {
      isAsked = true
      response.write('{"Progress":1}\n')
      response.once('close', () => (isClosed = true))
    }),
  )
  await using ipfs = await open(double.address)
  const { cid } = await rawBlock(sampleBytes(10, 'given up'))
  const stop = new AbortController()
  const pinning = ipfs.pin(cid, 'recursive', { signal: stop.signal })
  const outcome = assert.rejects(pinning, { message: 'not wanted' })
  await until(() => isAsked)
  stop.abort(new Error('not wanted'))
  await outcome
  await until(() => isClosed)
})

test('a pin whose answer is cut, or is not HTTP, fails as of a node that went away', async () => {
  const endings: ((response: ServerResponse) => void)[] = [
    response => response.write('{"Pins":["x"]}\n', () => response.destroy()),
    response => response.destroy(),
    response => response.socket?.end('220 mail.example ESMTP\r\n\r\n'),
  ]
  for (const ending of endings) {
    await using double = await openHttpDouble(pinDouble(ending))
    await using ipfs = await open(double.address)
    const { cid } = await rawBlock(sampleBytes(10, 'cut'))
    await fails('IPFS_UNAVAILABLE', ipfs.pin(cid, 'recursive', limit()))
  }
})

test('many calls at a time get each its own answer, over connections that are used again', async () => {
  const blocks = await Promise.all(
    Array.from({ length: 50 }, (_, at) => rawBlock(sampleBytes(10, `many ${at}`))),
  )
  const names = blocks.map(({ cid }) => cid.toString())
  const sockets = new Set<unknown>()
  await using double = await openHttpDouble((request, response) => {
    sockets.add(request.socket)
    const name = new URL(request.url ?? '', 'http://x').searchParams.get('arg')?.split('/')[2]
    setImmediate(() => response.end(JSON.stringify({ Path: `/ipfs/${name ?? ''}` })))
  })
  await using ipfs = await open(double.address)
  for (let round = 0; round < 3; round++) {
    const found = await Promise.all(names.map(name => ipfs.resolve(`/ipns/${name}/a`, limit())))
    assert.deepEqual(found.map(String), names)
  }
  assert.ok(sockets.size <= 50, `${sockets.size} connections`)
})

test('calls that wait for the one before them fail when the connector is closed, and later ones at once', async () => {
  await using double = await openHttpDouble(() => undefined)
  const ipfs = await open(double.address)
  const { cid } = await rawBlock(sampleBytes(10, 'first'))
  const other = await rawBlock(sampleBytes(10, 'second'))
  const first = fails('IPFS_UNAVAILABLE', ipfs.unpin(cid, limit()))
  await until(() => double.requests.length === 1)
  const second = fails('IPFS_UNAVAILABLE', ipfs.unpin(other.cid, limit()))
  await ipfs[Symbol.asyncDispose]()
  await Promise.all([first, second])
  await fails('IPFS_UNAVAILABLE', ipfs.version(limit()))
  assert.equal(double.requests.length, 1)
})

test('blocks that Kubo answers under another key are refused', async () => {
  const other = await rawBlock(sampleBytes(10, 'other'))
  await using double = await openHttpDouble((request, response) => {
    request.on('end', () => response.end(`{"Key":"${other.cid.toString()}","Size":1}\n`))
  })
  await using ipfs = await open(double.address)
  const block = await rawBlock(sampleBytes(10, 'one'))
  const error = await fails('IPFS_REFUSED', ipfs.putBlocks(streamOf([block]), limit()))
  assert.ok(error.message.includes(other.cid.toString()))
})

test('consecutive blocks of one codec and hash go in one request, with their names in its query', async () => {
  await using double = await openHttpDouble((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
    request.on('end', () => {
      const parts = body.split('octet-stream\r\n\r\n').slice(1)
      response.end(parts.map(part => `{"Key":"${part.slice(0, part.indexOf('\r\n'))}"}\n`).join(''))
    })
  })
  await using ipfs = await open(double.address)
  // Each block says its own name, so that the double need not hash.
  const named = async (seed: string, code: number) => {
    const { cid } = await rawBlock(sampleBytes(10, seed))
    const name = code === 0x55 ? cid : (await rawBlock(sampleBytes(11, seed))).cid
    return {
      cid: code === 0x55 ? name : (await import('multiformats/cid')).CID.createV1(code, name.multihash),
      bytes: Buffer.from(name.toString()),
    }
  }
  const blocks = [
    await named('a', 0x55),
    await named('b', 0x55),
    await named('c', 0x70),
    await named('d', 0x55),
  ]
  await ipfs.putBlocks(streamOf(blocks), limit())
  const codecs = double.requests.map(path =>
    /cid-codec=([^&]*)&mhtype=([^&]*)&mhlen=(\d+)/.exec(path)?.slice(1, 4),
  )
  assert.deepEqual(codecs, [
    ['raw', 'sha2-256', '32'],
    ['dag-pb', 'sha2-256', '32'],
    ['raw', 'sha2-256', '32'],
  ])
})

function open(address: string, clock: Clock = systemClock): Promise<Ipfs> {
  const components = { clock, logger: silentLogger(), meter: createNoopMeter() }
  return openKubo(components, {
    nodeAddress: address,
    requestTimeoutMs: 300_000,
    pinTimeoutMs: 120_000,
    unpinTimeoutMs: 1e7,
    repoGcTimeoutMs: 1e7,
    isUnpinDisabled: false,
  })
}

/** A node without pins whose pin/add answers as given. */
function pinDouble(answer: (response: ServerResponse) => void): RequestListener {
  return (request, response) => {
    if (request.url?.includes('pin/ls') === true) {
      response.statusCode = 500
      response.end('{"Message":"path \'x\' is not pinned","Code":0,"Type":"error"}')
    } else answer(response)
  }
}

function writePins(response: ServerResponse, count: number, then?: () => void): void {
  const line = '{"Cid":"bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu","Type":"recursive"}\n'
  response.write(line.repeat(count), () => then?.())
}

async function list(ipfs: Ipfs): Promise<{ count: number; error: ClusterError | undefined }> {
  let count = 0
  try {
    for await (const _ of ipfs.allPinned(limit())) count++
    return { count, error: undefined }
  } catch (thrown) {
    assert.ok(thrown instanceof ClusterError, String(thrown))
    return { count, error: thrown }
  }
}

async function fails(code: Code, promise: Promise<unknown>): Promise<ClusterError> {
  const outcome = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(outcome instanceof ClusterError, `expected ${code}, got ${String(outcome)}`)
  assert.equal(outcome.code, code, outcome.message)
  return outcome
}

function limit() {
  return { signal: AbortSignal.timeout(10_000) }
}

async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise(resolve => setImmediate(resolve))
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!condition()) {
    assert.ok(performance.now() < end, `not within 5 s: ${condition.toString()}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
