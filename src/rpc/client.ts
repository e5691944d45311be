import { ClusterError } from '../errors.ts'
import type { Network, Options, Procedures } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { PeerId } from '../model/peer.ts'
import { answerFromBytes, CODECS, callToBytes, fromBytes, toBytes } from './codec.ts'
import type { RpcConfig } from './config.ts'

/** What calling needs. */
export interface ClientParts {
  readonly network: Pick<Network, 'request'>
  readonly clock: Clock
  readonly protocol: string
}

/**
 * Calls a procedure on another peer; its outputs come in the groups in which they were sent. Errors of its handler are thrown as they were there; `TIMEOUT` when no message
 * comes in time, `PEER_UNREACHABLE` when the peer cannot be reached or answers with what is not understood.
 */
export async function* callRemote<Name extends keyof Procedures>(
  parts: ClientParts,
  config: RpcConfig,
  to: PeerId,
  name: Name,
  input: Procedures[Name]['input'],
  options: Options,
): AsyncGenerator<readonly Procedures[Name]['output'][]> {
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const messages = parts.network.request(to, parts.protocol, encodeInput(name, input), { signal })
  const iterator = messages[Symbol.asyncIterator]()
  const next = async () => {
    // Only the wait counts: a reader that takes its time is no fault of the other peer.
    using _ = parts.clock.schedule(config.answerTimeoutMs, () => stop.abort(toTimeout(to, name, config)))
    return await iterator.next()
  }
  try {
    for (let step = await next(); step.done !== true; step = await next()) {
      const answer = understood(to, name, () => answerFromBytes(step.value ?? new Uint8Array()))
      if (answer.kind === 'error') throw answer.error
      if (answer.kind === 'alive') continue
      const { outputs } = answer
      yield understood(to, name, () => outputs.map(output => CODECS[name].output.fromWire(fromBytes(output))))
    }
  } finally {
    await iterator.return?.()
  }
}

async function* encodeInput<Name extends keyof Procedures>(
  name: Name,
  input: Procedures[Name]['input'],
): AsyncIterable<Uint8Array> {
  const codec: { readonly kind: 'value' | 'stream' } = CODECS[name].input
  if (codec.kind === 'value') {
    yield valueCallToBytes(name, input)
    return
  }
  const { items } = CODECS[name].input as { readonly items: { toWire(from: unknown): unknown } }
  yield callToBytes({ name, input: null })
  for await (const item of input as AsyncIterable<unknown>) yield toBytes(items.toWire(item))
}

/** The call of a procedure whose input is one value, as bytes. */
export function valueCallToBytes<Name extends keyof Procedures>(
  name: Name,
  input: Procedures[Name]['input'],
): Uint8Array {
  const { value } = CODECS[name].input as { readonly value: { toWire(from: unknown): unknown } }
  return callToBytes({ name, input: value.toWire(input) })
}

/** An answer that cannot be read is the other peer's fault, not the caller's. */
export function understood<Value>(peer: PeerId, name: string, read: () => Value): Value {
  try {
    return read()
  } catch (cause) {
    throw new ClusterError(
      'PEER_UNREACHABLE',
      `peer ${peer} answers "${name}" with something that this version does not understand`,
      { cause, details: { peer } },
    )
  }
}

/** Nothing came in time. */
export function toTimeout(peer: PeerId, name: string, config: RpcConfig): ClusterError {
  return new ClusterError(
    'TIMEOUT',
    `peer ${peer} did not answer "${name}" within ${config.answerTimeoutMs / 1000} s`,
    { details: { peer } },
  )
}
