import type { Meter } from '@opentelemetry/api'
import type { Logger, Network, Options, Procedures, Rpc, RpcHandlers } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { Pages } from '../lib/pages.ts'
import type { PeerId } from '../model/peer.ts'
import { callRemote } from './client.ts'
import { RPC_CONFIG, type RpcConfig } from './config.ts'
import { openLines } from './line-client.ts'
import { serveLines } from './line-server.ts'
import { rpcMetrics } from './metrics.ts'
import { isShort } from './procedures.ts'
import { answerCall } from './server.ts'

/** The protocol of calls. A new number means that old peers cannot be called any more. */
export const RPC_PROTOCOL = '/pinfold/rpc/1'
/** The protocol of the stream that short calls to one peer share. */
export const LINE_PROTOCOL = '/pinfold/rpc-line/1'

/** What calls between peers need. */
export interface RpcParts {
  readonly network: Pick<Network, 'self' | 'request' | 'serve'>
  /** Whether the consensus trusts a peer. */
  readonly isTrusted: (peer: PeerId) => boolean
  readonly handlers: RpcHandlers
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

/** Answers calls of other peers with the handlers, and calls theirs. Calls to self go straight to the handler. */
export function openRpc(parts: RpcParts, config: RpcConfig = RPC_CONFIG): Rpc {
  const { network, handlers, isTrusted, clock, logger } = parts
  const instruments = makeInstruments(parts.meter, rpcMetrics)
  const server = {
    handlers,
    isTrusted,
    clock,
    logger,
    onFailure: () => instruments.answerFailures.add(1),
    onRefusal: () => instruments.refused.add(1),
    onCall: () => instruments.answered.add(1),
  }
  const served = network.serve(RPC_PROTOCOL, (input, from, options) => {
    instruments.answered.add(1)
    return answerCall(server, config, input, from, options)
  })
  const servedLines = network.serve(LINE_PROTOCOL, serveLines(server))
  const lines = openLines({ network, clock, protocol: LINE_PROTOCOL }, config)

  async function* callOther<Name extends keyof Procedures>(
    to: PeerId,
    name: Name,
    input: Procedures[Name]['input'],
    options: Options,
  ): AsyncGenerator<readonly Procedures[Name]['output'][]> {
    const startMs = clock.monotonic()
    instruments.calls.add(1)
    try {
      if (isShort(name)) {
        const { outputs, error } = await lines.call(to, name, input, options)
        yield outputs
        if (error !== undefined) throw error
      } else {
        yield* callRemote({ network, clock, protocol: RPC_PROTOCOL }, config, to, name, input, options)
      }
    } catch (thrown) {
      if (!options.signal.aborted) instruments.callFailures.add(1)
      throw thrown
    } finally {
      instruments.callSeconds.record((clock.monotonic() - startMs) / 1000)
    }
  }
  return {
    call: (to, name, input, options) =>
      to === network.self
        ? handlers[name](input, network.self, options)
        : new Pages(callOther(to, name, input, options)),
    async [Symbol.asyncDispose]() {
      served[Symbol.dispose]()
      servedLines[Symbol.dispose]()
      await lines[Symbol.asyncDispose]()
    },
  }
}
