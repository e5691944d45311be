import { ClusterError } from '../errors.ts'
import type { Options, Procedures } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import { CallLine } from './call-line.ts'
import { type ClientParts, toTimeout, understood, valueCallToBytes } from './client.ts'
import { CODECS } from './codec.ts'
import type { RpcConfig } from './config.ts'
import { replyFromBytes } from './line-codec.ts'

/** All that a call was answered with: an error ends it. */
export interface LineAnswer<Output> {
  readonly outputs: readonly Output[]
  readonly error: ClusterError | undefined
}

/** Short calls to any peer, over one stream to each that opens with the first call and closes when it is idle. */
export interface Lines extends AsyncDisposable {
  /** Calls a procedure, and waits for all its outputs; errors as of `callRemote`. */
  call<Name extends keyof Procedures>(
    to: PeerId,
    name: Name,
    input: Procedures[Name]['input'],
    options: Options,
  ): Promise<LineAnswer<Procedures[Name]['output']>>
}

/** No stream is open yet. */
export function openLines(parts: ClientParts, config: RpcConfig): Lines {
  const lines = new Map<PeerId, CallLine>()
  /** Also those that take no more calls, and have not ended yet. */
  const all = new Map<CallLine, Promise<void>>()
  let isClosed = false
  const lineTo = (peer: PeerId): CallLine => {
    if (isClosed) throw new ClusterError('NOT_READY', 'calls to other peers are closed')
    const known = lines.get(peer)
    if (known?.isOpen === true) return known
    const line = new CallLine(parts, config, peer)
    lines.set(peer, line)
    const ended = line.ended.finally(() => {
      all.delete(line)
      if (lines.get(peer) === line) lines.delete(peer)
    })
    all.set(line, ended)
    return line
  }
  return {
    async call(to, name, input, { signal }) {
      signal.throwIfAborted()
      const bytes = await lineTo(to).call(valueCallToBytes(name, input), signal, () =>
        toTimeout(to, name, config),
      )
      const { outputs, error } = understood(to, name, () => replyFromBytes(bytes))
      const { output: codec } = CODECS[name]
      return { outputs: understood(to, name, () => outputs.map(output => codec.fromWire(output))), error }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      for (const line of all.keys())
        line.close(new ClusterError('NOT_READY', 'calls to other peers are closed'))
      await Promise.all(all.values())
    },
  }
}
