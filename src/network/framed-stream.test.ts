import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { openBareHost } from '../../test/support/bare-host.ts'
import { hurriedClock } from '../../test/support/hurried-clock.ts'
import { openRealNetwork } from '../../test/support/real-network.ts'
import { createIdentity } from '../model/identity.ts'
import { endHeader, frameHeader } from './frame-parser.ts'

const PROTOCOL = '/pinfold/test/1'
const signal = AbortSignal.timeout(60_000)
const message = Uint8Array.of(1, 2, 3)

/** Asks a host that answers with `misbehave`; gives what came before the end or the error. */
async function askOne(misbehave: (stream: Stream) => void | Promise<void>) {
  await using bare = await openBareHost()
  const { host } = bare
  await host.handle(PROTOCOL, misbehave)
  const peerAddresses = host.getMultiaddrs().map(String)
  const { network } = await openRealNetwork({ peerAddresses }, createIdentity(), hurriedClock(60))
  const found: Uint8Array[] = []
  try {
    const input = (async function* () {
      yield message
    })()
    for await (const answer of network.request(host.peerId.toString(), PROTOCOL, input, { signal })) {
      found.push(answer)
    }
    return { found, error: undefined }
  } catch (error) {
    return { found, error }
  } finally {
    await network[Symbol.asyncDispose]()
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error
}

it('an answer with an end is whole', async () => {
  const { found, error } = await askOne(async stream => {
    stream.send(frameHeader(3))
    stream.send(message)
    stream.send(endHeader())
    await stream.close()
  })
  assert.equal(error, undefined)
  assert.deepEqual(found, [message])
})

it('a stream that is closed in good order but without an end is cut off, not whole', async () => {
  for (const bytes of [[frameHeader(3), message], [frameHeader(3), message, frameHeader(3)], []]) {
    const { error } = await askOne(async stream => {
      for (const part of bytes) stream.send(part)
      await stream.close()
    })
    assert.equal(codeOf(error), 'PEER_UNREACHABLE')
  }
})

it('a message that is announced as too large ends the stream at once', async () => {
  const { error } = await askOne(stream => void stream.send(frameHeader(4 * 1024 * 1024 + 1)))
  assert.equal(codeOf(error), 'TOO_LARGE')
})

it('a stream over which nothing passes for two minutes is reset', async () => {
  const { found, error } = await askOne(stream => {
    stream.send(frameHeader(3))
    stream.send(message)
  })
  assert.deepEqual(found, [message])
  assert.equal(codeOf(error), 'PEER_UNREACHABLE')
  assert.ok(error instanceof Error && error.message.includes('nothing passed'), String(error))
})
