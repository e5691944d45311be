import type { AbortOptions, ConnectionProtector, MessageStream, MultiaddrConnection } from '@libp2p/interface'
import { preSharedKey } from '@libp2p/pnet'
import type { Logger } from '../interfaces.ts'
import { equalBytes, toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'

/** What whoever opens a connection says first, in the clear or under the key: the header of multistream-select. */
const HELLO = new Uint8Array(Buffer.from('\x13/multistream/1.0.0\n'))
/** One log line for each host in this time. */
const QUIET_MS = 60_000
const HOSTS_MAX = 256

/** Puts connections under the pre-shared key, and tells when a peer seems to have another one or none. */
export interface SecretGuard {
  readonly protector: () => ConnectionProtector
  /** The connection was authenticated: its end says nothing about the secret any more. */
  readonly prove: (connection: MultiaddrConnection) => void
}

/** What a guard needs. `onMismatch` is called for every connection that failed, the log line is rarer. */
export interface SecretGuardParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly onMismatch: () => void
}

/**
 * A guard for a secret of 32 bytes, or for none. The pre-shared key has no handshake of its own: with a wrong key the
 * bytes that follow are noise. So the first of an incoming connection are compared with what must stand there; of an
 * outgoing one it counts when the other side hangs up before it has shown who it is.
 */
export function makeSecretGuard(secret: Uint8Array | undefined, parts: SecretGuardParts): SecretGuard {
  const inner = secret === undefined ? undefined : preSharedKey({ psk: toKeyFile(secret) })()
  const proven = new WeakSet<MessageStream>()
  const tell = makeTeller(parts)

  const checkFirst = async (connection: MessageStream, options: AbortOptions, isExpected: boolean) => {
    const isHello = equalBytes(await peek(connection, HELLO.length, options), HELLO)
    return isHello === isExpected
  }
  const refuse = (connection: MessageStream): Error => {
    tell(connection, 'refused a connection: the cluster secret of that peer differs from ours or is missing')
    return new Error('the cluster secret of that peer differs from ours or is missing')
  }
  const protectInbound = async (connection: MessageStream, options: AbortOptions) => {
    const isPlain = inner === undefined
    if (!(await checkFirst(connection, options, isPlain))) throw refuse(connection)
    if (inner === undefined) return connection
    const box = await inner.protect(connection, options)
    if (!(await checkFirst(box, options, true))) throw refuse(connection)
    return box
  }
  const protectOutbound = async (connection: MessageStream, options: AbortOptions) => {
    connection.addEventListener('close', event => {
      if (proven.has(connection) || isOwnEnd(event.local, event.error)) return
      tell(
        connection,
        'a peer hung up before it was authenticated: its cluster secret differs from ours or is missing, or it takes no more connections',
      )
    })
    return inner === undefined ? connection : inner.protect(connection, options)
  }
  return {
    protector: () => ({
      protect: (connection, options = {}) =>
        connection.direction === 'inbound'
          ? protectInbound(connection, options)
          : protectOutbound(connection, options),
    }),
    prove: connection => void proven.add(connection),
  }
}

/** Whether this side ended the connection for reasons of its own: a time-out, or another address that was faster. */
function isOwnEnd(isLocal: boolean | undefined, error: Error | undefined): boolean {
  return isLocal === true && (error?.name === 'AbortError' || error?.name === 'TimeoutError')
}

function makeTeller({ clock, logger, onMismatch }: SecretGuardParts) {
  const toldAtMs = new Map<string, number>()
  return (connection: MessageStream, sentence: string) => {
    onMismatch()
    const address = addressOf(connection)
    const host = address.split('/').slice(0, 3).join('/')
    const last = toldAtMs.get(host)
    if (last !== undefined && clock.monotonic() - last < QUIET_MS) return
    if (toldAtMs.size >= HOSTS_MAX) toldAtMs.clear()
    toldAtMs.set(host, clock.monotonic())
    logger.warn(sentence, { address })
  }
}

function addressOf(connection: MessageStream): string {
  return 'remoteAddr' in connection ? String(connection.remoteAddr) : ''
}

/** The first bytes of a connection, which stay to be read again. */
async function peek(connection: MessageStream, length: number, options: AbortOptions): Promise<Uint8Array> {
  const found = new Uint8Array(length)
  let count = 0
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onMessage = (event: { readonly data: { subarray(): Uint8Array } }) => {
    const bytes = event.data.subarray()
    seen.push(bytes)
    found.set(bytes.subarray(0, length - count), count)
    count += Math.min(bytes.length, length - count)
    if (count === length) resolve()
  }
  const onClose = () => reject(new Error('the connection closed at once'))
  const onAbort = () => reject(options.signal?.reason)
  const seen: Uint8Array[] = []
  connection.addEventListener('close', onClose)
  options.signal?.addEventListener('abort', onAbort, { once: true })
  connection.addEventListener('message', onMessage)
  try {
    await promise
  } finally {
    connection.removeEventListener('message', onMessage)
    connection.removeEventListener('close', onClose)
    options.signal?.removeEventListener('abort', onAbort)
  }
  // In reverse, since each goes before what is there.
  for (const bytes of seen.reverse()) connection.unshift(bytes)
  return found
}

function toKeyFile(secret: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${toHex(secret)}`))
}
