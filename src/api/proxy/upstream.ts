import http from 'node:http'
import https from 'node:https'
import { ClusterError, messageOf } from '../../errors.ts'
import type { ApiAddress } from '../address.ts'
import { readText } from '../read-lines.ts'
import { readBody } from '../request-body.ts'
import type { PaceContext } from './paced-writer.ts'

/** What is sent to the node. */
export interface UpstreamAsk {
  readonly method: string
  /** Path and query, beginning with a slash. */
  readonly target: string
  readonly headers: http.OutgoingHttpHeaders
  /** The client's request, whose body goes along. */
  readonly body?: http.IncomingMessage
  readonly signal: AbortSignal
}

/** A short answer of the node, read to its end. */
export interface ShortAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
}

const CONNECT_LIMIT_MS = 10_000
const SHORT_LIMIT_MS = 5000
const SHORT_BYTES_MAX = 65_536

/** The Kubo behind the proxy: the only thing that the proxy ever asks. */
export class Upstream implements Disposable {
  readonly #address: ApiAddress
  readonly #isTls: boolean
  readonly #agent: http.Agent
  readonly #context: PaceContext

  constructor(address: ApiAddress, isTls: boolean, context: PaceContext) {
    this.#address = address
    this.#isTls = isTls || (address.kind === 'tcp' && address.isTls)
    this.#agent = this.#isTls ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
    this.#context = context
  }

  /**
   * Sends a request, with its body as it comes, and answers with the head of the answer. Throws `IPFS_UNAVAILABLE`. A
   * signal that is aborted, and a client that stops sending, end both sides.
   */
  async send(ask: UpstreamAsk): Promise<http.IncomingMessage> {
    ask.signal.throwIfAborted()
    try {
      return await this.#sendOnce(ask, ask.body === undefined)
    } catch (thrown) {
      if (ask.signal.aborted) throw ask.signal.reason
      if (!(thrown instanceof StaleConnection)) throw thrown
      return await this.#sendOnce(ask, false)
    }
  }

  /** Asks for something small, for at most five seconds. */
  async askShort(method: string, target: string, headers: http.OutgoingHttpHeaders): Promise<ShortAnswer> {
    const signal = AbortSignal.timeout(SHORT_LIMIT_MS)
    const answer = await this.send({ method, target, headers, signal })
    await readText(answer, SHORT_BYTES_MAX)
    return { status: answer.statusCode ?? 0, headers: answer.headers }
  }

  /** Closes the kept connections. */
  [Symbol.dispose](): void {
    this.#agent.destroy()
  }

  async #sendOnce(ask: UpstreamAsk, isKept: boolean): Promise<http.IncomingMessage> {
    const outgoing = this.#open(ask, isKept)
    const connecting = this.#context.clock.schedule(CONNECT_LIMIT_MS, () => {
      if (outgoing.socket === null || outgoing.socket.connecting)
        outgoing.destroy(new Error('no connection within 10 s'))
    })
    const sending = new AbortController()
    const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve)
      // Also later ones: what fails after the head is seen by whoever reads the body.
      outgoing.on('error', reject)
      outgoing.once('close', () => {
        sending.abort(new DOMException('the node takes no more', 'AbortError'))
        reject(new Error('the connection was closed without an answer'))
      })
    })
    this.#sendBody(outgoing, ask, AbortSignal.any([ask.signal, sending.signal])).catch((thrown: unknown) => {
      outgoing.destroy(thrown instanceof Error ? thrown : new Error(messageOf(thrown)))
    })
    try {
      return await answered
    } catch (cause) {
      if (isStale(outgoing, cause)) throw new StaleConnection()
      if (cause instanceof ClusterError) throw cause
      throw new ClusterError('IPFS_UNAVAILABLE', messageOf(cause) || 'the IPFS node does not answer', {
        cause,
      })
    } finally {
      connecting[Symbol.dispose]()
    }
  }

  #open({ method, target, headers, signal }: UpstreamAsk, isKept: boolean): http.ClientRequest {
    const setHost = headers['host'] === undefined
    const common = { method, headers, signal, agent: isKept ? this.#agent : (false as const), setHost }
    const request = this.#isTls ? https.request : http.request
    return this.#address.kind === 'unix'
      ? request({ ...common, socketPath: this.#address.path, path: target })
      : request({
          ...common,
          host: this.#address.host,
          port: this.#address.port,
          path: this.#address.prefix + target,
        })
  }

  async #sendBody(outgoing: http.ClientRequest, { body }: UpstreamAsk, signal: AbortSignal): Promise<void> {
    if (body === undefined) {
      outgoing.end()
      return
    }
    outgoing.flushHeaders()
    try {
      for await (const chunk of readBody(body, signal, this.#context)) {
        if (!outgoing.write(chunk)) await roomIn(outgoing, signal)
      }
    } catch (thrown) {
      // The answer is there and the connection over: what is left of the body is not wanted.
      if (outgoing.destroyed) return
      throw thrown
    }
    outgoing.end()
  }
}

/** A kept connection that the node had closed already: the request never arrived. */
class StaleConnection extends Error {}

function isStale(outgoing: http.ClientRequest, thrown: unknown): boolean {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return outgoing.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')
}

function roomIn(outgoing: http.ClientRequest, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    const onAbort = () => {
      outgoing.off('drain', onDrain)
      reject(signal.reason)
    }
    if (signal.aborted) return onAbort()
    outgoing.once('drain', onDrain)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
