import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { ClusterError, messageOf } from '../errors.ts'
import type { Logger, Options } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { Identity } from '../model/identity.ts'
import { peerOf } from './address-book.ts'
import { ask } from './exchange.ts'
import { FramedStream } from './framed-stream.ts'
import { quietLogger } from './quiet-logger.ts'
import { makeSecretGuard } from './secret-guard.ts'
import { toUnreachable } from './unreachable.ts'

const DIAL_TIMEOUT_MS = 10_000

/** A stream to a peer, opened by somebody who is none. Disposing it closes the connection. */
export interface PeerCall extends AsyncDisposable {
  /** Sends the input while it yields the answers; see `ask`. Once. */
  exchange(input: AsyncIterable<Uint8Array>, options: Options): AsyncIterable<Uint8Array>
}

/** What a caller is made of. `secret` are the 32 bytes of the cluster, undefined for an open one. */
export interface PeerCallerParts {
  readonly identity: Identity
  readonly secret: Uint8Array | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Connects to a peer by its multiaddr, which ends in `/p2p/<peer id>`, without listening and without taking part in
 * anything. Throws `PEER_UNREACHABLE` within ten seconds, `INVALID_ARGUMENT` for an address without a peer.
 */
export async function callPeer(
  { identity, secret, clock, logger }: PeerCallerParts,
  address: string,
  protocol: string,
  { signal }: Options,
): Promise<PeerCall> {
  const peer = peerOf(address)
  if (peer === undefined)
    throw new ClusterError('INVALID_ARGUMENT', `"${address}" does not end in /p2p/<peer id>`)
  const guard = makeSecretGuard(secret, { clock, logger, onMismatch: () => undefined })
  await using opened = new AsyncDisposableStack()
  const host = await createLibp2p({
    privateKey: privateKeyFromProtobuf(identity.privateKey),
    // Set DEBUG=libp2p:* to see what libp2p itself has to say.
    ...(process.env.DEBUG === undefined ? { logger: quietLogger() } : {}),
    nodeInfo: { name: 'pinfold', userAgent: 'pinfold' },
    addresses: { listen: [] },
    transports: [tcp({ dialOpts: { noDelay: true } })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionProtector: guard.protector,
    connectionGater: {
      denyOutboundEncryptedConnection: (_peer: unknown, connection: Parameters<typeof guard.prove>[0]) => {
        guard.prove(connection)
        return false
      },
    },
  })
  opened.defer(() => host.stop())
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
    await host.dial(multiaddr(address), { signal: limit })
    const raw = await host.dialProtocol(peerIdFromString(peer), protocol, { signal: limit })
    const stream = new FramedStream(raw, peer, clock)
    const onLateError = (thrown: unknown) =>
      logger.debug('the input of a call failed late', { error: messageOf(thrown) })
    const all = opened.move()
    return {
      exchange: (input, options) => ask(stream, input, { ...options, onLateError }),
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    }
  } catch (thrown) {
    signal.throwIfAborted()
    throw toUnreachable(peer, thrown)
  }
}
