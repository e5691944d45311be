import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { openBareHost } from '../../test/support/bare-host.ts'
import { eventually } from '../../test/support/eventually.ts'
import { hurriedClock } from '../../test/support/hurried-clock.ts'
import { openRealNetwork } from '../../test/support/real-network.ts'
import type { StreamHandler } from '../interfaces.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { createIdentity } from '../model/identity.ts'
import { frameHeader } from './frame-parser.ts'
import { Inbound } from './inbound.ts'
import { INBOUND_BYTES_MAX, MESSAGE_BYTES_MAX, STREAMS_MAX } from './limits.ts'

const PROTOCOL = '/pinfold/test/1'
const signal = AbortSignal.timeout(60_000)

/** A network that serves, and a host with the secret that keeps to no rule. */
async function openBesieged(handler: StreamHandler, clock: Clock = systemClock) {
  const { network } = await openRealNetwork({}, createIdentity(), clock)
  const bare = await openBareHost()
  network.serve(PROTOCOL, handler)
  const address = multiaddr(network.addresses()[0] ?? '')
  return {
    open: (): Promise<Stream> =>
      bare.host.dialProtocol(address, PROTOCOL, { signal, maxOutboundStreams: 10_000 }),
    async [Symbol.asyncDispose]() {
      await bare[Symbol.asyncDispose]()
      await network[Symbol.asyncDispose]()
    },
  }
}

const isOpen = (stream: Stream) => stream.status === 'open'

const readAll: StreamHandler = async function* (input) {
  for await (const message of input) yield message
}

it('a peer has no more than so many streams of a protocol open, and gets others for those that end', async () => {
  await using besieged = await openBesieged(readAll)
  const streams: Stream[] = []
  for (let count = 0; count < STREAMS_MAX + 8; count++) {
    const stream = await besieged.open()
    if (isOpen(stream)) stream.send(frameHeader(100))
    streams.push(stream)
  }
  await eventually('eight are reset', () => streams.filter(isOpen).length === STREAMS_MAX)
  for (const stream of streams) stream.abort(new Error('enough'))
  const fresh = await besieged.open()
  fresh.send(Uint8Array.of(...frameHeader(1), 7))
  let answerBytes = 0
  fresh.addEventListener('message', ({ data }) => {
    answerBytes += data.byteLength
  })
  await eventually('it is answered', () => answerBytes === 5)
})

it('what a peer leaves unfinished is bounded over all of its streams', async () => {
  await using besieged = await openBesieged(readAll)
  const piece = new Uint8Array(256 * 1024)
  const streams: Stream[] = []
  const fitting = INBOUND_BYTES_MAX / MESSAGE_BYTES_MAX
  for (let count = 0; count < fitting + 4; count++) {
    const stream = await besieged.open()
    streams.push(stream)
    stream.send(frameHeader(MESSAGE_BYTES_MAX))
    for (let sent = piece.length; sent < MESSAGE_BYTES_MAX && isOpen(stream); sent += piece.length) {
      stream.send(piece)
      await eventually('it is sent', () => !stream.writableNeedsDrain || !isOpen(stream))
    }
  }
  await eventually('the last are reset', () => streams.filter(isOpen).length <= fitting)
  assert.ok(streams.slice(0, fitting / 2).every(isOpen), 'those that had room stay')
})

it('a stream whose request was answered is let go in time, whatever still comes over it', async () => {
  const answerOne: StreamHandler = async function* () {
    yield Uint8Array.of(1)
  }
  await using besieged = await openBesieged(answerOne, hurriedClock(60))
  const stream = await besieged.open()
  stream.send(frameHeader(MESSAGE_BYTES_MAX))
  await eventually(
    'it is reset',
    () => {
      if (isOpen(stream)) stream.send(Uint8Array.of(1))
      return !isOpen(stream)
    },
    8000,
  )
})

it('what a peer still sends when its request was answered is taken off its hands', async () => {
  const answering = Promise.withResolvers<void>()
  const answerLate: StreamHandler = async function* () {
    await answering.promise
    yield Uint8Array.of(1)
  }
  await using besieged = await openBesieged(answerLate)
  const stream = await besieged.open()
  const windowBytes = 256 * 1024
  const wholeBytes = 8 * 1024 * 1024
  stream.send(new Uint8Array(wholeBytes))
  await eventually(
    'it has sent what it may and waits',
    () => stream.writableNeedsDrain && stream.writeBufferLength <= wholeBytes - windowBytes,
  )
  // What is asked over the same connection is answered after what came before it was taken in.
  await besieged.open()
  answering.resolve()
  await eventually('all is sent', () => !stream.writableNeedsDrain && stream.writeBufferLength === 0)
  assert.ok(isOpen(stream))
})

it('a share is given back with its stream, and nothing is kept of a peer without streams', () => {
  const inbound = new Inbound({ streamsMax: 2, bytesMax: 100 })
  const one = inbound.open('peer', '/a')
  const two = inbound.open('peer', '/a')
  const other = inbound.open('peer', '/b')
  assert.throws(() => inbound.open('peer', '/a'), { code: 'RATE_LIMITED' })
  one.hold(60)
  assert.throws(() => two.hold(41), { code: 'TOO_LARGE' })
  two.hold(40)
  one.hold(59)
  other.hold(1)
  one[Symbol.dispose]()
  one[Symbol.dispose]()
  two.hold(99)
  inbound.open('stranger', '/a').hold(100)
  assert.equal(inbound.size, 2)
  two[Symbol.dispose]()
  other[Symbol.dispose]()
  assert.equal(inbound.size, 1)
  inbound.open('peer', '/a').hold(100)
})
