import { ClusterError, messageOf, toClusterError } from '../errors.ts'
import type { Logger, Options, Procedures, RpcHandlers } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { mapPages } from '../lib/pages.ts'
import type { PeerId } from '../model/peer.ts'
import { answerToBytes, type Call, CODECS, callFromBytes, fromBytes, toBytes } from './codec.ts'
import type { RpcConfig } from './config.ts'
import { inBatches } from './in-batches.ts'
import { isProcedure, PROCEDURES } from './procedures.ts'
import { withAlive } from './with-alive.ts'

/** What answering calls needs. */
export interface ServerParts {
  readonly handlers: RpcHandlers
  readonly isTrusted: (peer: PeerId) => boolean
  readonly clock: Clock
  readonly logger: Logger
  readonly onFailure: () => void
  readonly onRefusal: () => void
}

/** The answer to one call, message by message. Errors of the handler become its last message. */
export async function* answerCall(
  parts: ServerParts,
  config: RpcConfig,
  input: AsyncIterable<Uint8Array>,
  from: PeerId,
  options: Options,
): AsyncIterable<Uint8Array> {
  const { signal } = options
  let name = 'an unknown procedure'
  try {
    const messages = input[Symbol.asyncIterator]()
    const first = await messages.next()
    if (first.done === true) throw new ClusterError('INVALID_ARGUMENT', 'a call without a name')
    const call = callFromBytes(first.value)
    name = call.name.slice(0, 80)
    if (!isProcedure(call.name)) throw noProcedure(name)
    checkTrust(parts, call.name, from)
    const rest = { [Symbol.asyncIterator]: () => messages }
    const outputs = runHandler(call.name, parts.handlers[call.name], call, rest, from, { signal })
    const answers = toAnswers(mapPages(outputs, page => page.map(toBytes)))
    if (!PROCEDURES[call.name].isLong) yield* answers
    else yield* withAlive(answers, answerToBytes({ kind: 'alive' }), parts.clock, config.aliveMs)
  } catch (thrown) {
    signal.throwIfAborted()
    yield answerToBytes({ kind: 'error', error: noteFailure(parts, name, from, thrown) })
  }
}

/** Counts and logs what a call ended with; answers with what the caller is told. */
export function noteFailure(
  parts: ServerParts,
  procedure: string,
  from: PeerId,
  thrown: unknown,
): ClusterError {
  const error = toClusterError(thrown)
  parts.onFailure()
  const fields = { procedure, from, error: messageOf(thrown) }
  if (error.code === 'INTERNAL') parts.logger.error('a call of another peer failed', fields)
  else parts.logger.debug('a call of another peer was answered with an error', fields)
  return error
}

async function* toAnswers(outputs: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const batch of inBatches(outputs)) yield answerToBytes({ kind: 'outputs', outputs: batch })
}

/** The caller asks for what this version does not have. */
export function noProcedure(name: string): ClusterError {
  return new ClusterError(
    'INVALID_ARGUMENT',
    `this peer has no procedure "${name}": it may be of another version`,
  )
}

/** Throws `FORBIDDEN` when the peer may not call the procedure. */
export function checkTrust(parts: ServerParts, name: keyof Procedures, from: PeerId): void {
  const { trust }: { readonly trust: 'self' | 'trusted' | 'open' } = PROCEDURES[name]
  if (trust === 'open' || (trust === 'trusted' && parts.isTrusted(from))) return
  parts.onRefusal()
  throw new ClusterError(
    'FORBIDDEN',
    `this peer does not let ${from} call "${name}": add it to consensus.crdt.trusted_peers, or run "cluster-ctl trust add", if it should`,
    { details: { peer: from } },
  )
}

/** What the handler yields, ready to be encoded; in pages where it yields pages. */
export function runHandler<Name extends keyof Procedures>(
  name: Name,
  handler: RpcHandlers[Name],
  call: Call,
  rest: AsyncIterable<Uint8Array>,
  from: PeerId,
  options: Options,
): AsyncIterable<unknown> {
  const { output: codec } = CODECS[name]
  const outputs = handler(decodeInput(name, call, rest), from, options)
  return mapPages(outputs, page => page.map(output => codec.toWire(output)))
}

function decodeInput<Name extends keyof Procedures>(
  name: Name,
  call: Call,
  rest: AsyncIterable<Uint8Array>,
): Procedures[Name]['input'] {
  const { input } = CODECS[name]
  if (input.kind === 'value') return input.value.fromWire(call.input)
  // A parsing edge: a streamed input is a stream of its items, which the compiler cannot follow through the table.
  return decodeItems(rest, input.items) as Procedures[Name]['input']
}

async function* decodeItems<Item>(
  messages: AsyncIterable<Uint8Array>,
  codec: { fromWire(wire: unknown): Item },
): AsyncIterable<Item> {
  for await (const message of messages) yield codec.fromWire(fromBytes(message))
}
