import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { HTTP_PROTOCOL } from '../api/over-peers.ts'
import { readIdentityFile } from '../config/identity-file.ts'
import { ClusterError } from '../errors.ts'
import type { Logger, Options } from '../interfaces.ts'
import { systemClock } from '../lib/clock.ts'
import { createIdentity } from '../model/identity.ts'
import { callPeer, type PeerCall } from '../network/peer-caller.ts'

/** As whom to connect, and into which cluster. */
export interface PeerCredentials {
  /** 64 hexadecimal digits; '' for a cluster without a secret. */
  readonly secret: string
  /** Path of an `identity.json`; '' for an identity that nobody knows. */
  readonly identityFile: string
}

/** Failures reach the caller as errors, so what is said beside them is not shown. */
const quiet: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => quiet,
}

/** A connection to the HTTP API of a peer over the cluster's network. Throws `PEER_UNREACHABLE`, `INVALID_ARGUMENT`, `CONFIG_INVALID`. */
export async function connectPeer(
  address: string,
  { secret, identityFile }: PeerCredentials,
  { signal }: Options,
): Promise<Duplex> {
  if (secret !== '' && !/^[0-9a-f]{64}$/i.test(secret))
    throw new ClusterError('INVALID_ARGUMENT', 'the secret must have 64 hexadecimal digits')
  const identity = identityFile === '' ? createIdentity() : await readIdentityFile(identityFile)
  const parts = {
    identity,
    secret: secret === '' ? undefined : new Uint8Array(Buffer.from(secret, 'hex')),
    clock: systemClock,
    logger: quiet,
  }
  const call = await callPeer(parts, address, HTTP_PROTOCOL, { signal })
  const [near, far] = duplexPair()
  // The other end, which the HTTP client has, tells of it.
  far.on('error', () => undefined)
  carryCall(call, far, signal).catch((thrown: unknown) => {
    far.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)))
  })
  // The HTTP client sets it on every connection; what bounds this one is the stream's own idle time-out.
  return Object.assign(near, { setTimeout: () => near })
}

/** Carries one connection, both ways, until either side ends it. */
async function carryCall(call: PeerCall, end: Duplex, signal: AbortSignal): Promise<void> {
  await using _call = call
  const gone = new AbortController()
  end.once('close', () => gone.abort(new DOMException('the connection was closed', 'AbortError')))
  const options = { signal: AbortSignal.any([signal, gone.signal]) }
  // Ending must not destroy it: what was written last may not be read yet.
  const outgoing: AsyncIterable<Uint8Array> = end.iterator({ destroyOnReturn: false })
  try {
    for await (const message of call.exchange(outgoing, options)) {
      if (!end.write(message)) await once(end, 'drain', options)
    }
    end.end()
  } catch (thrown) {
    if (!gone.signal.aborted) throw thrown
  }
}
