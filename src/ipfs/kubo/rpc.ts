import http from 'node:http'
import https from 'node:https'
import type { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import { openStallTimer, type StallTimer } from '../stall-timer.ts'
import { type RpcAddress, toRpcAddress } from './address.ts'
import { FailureGate } from './failure-gate.ts'
import { limitReached, REFUSAL_BYTES_MAX, type RpcCall, refusalIn, unavailable } from './rpc-call.ts'
import { ShortCalls } from './short-calls.ts'

/** An answer under way, or a request whose body is still being written. Disposing it drops what is left. */
export interface RpcExchange extends Disposable {
  readonly request: http.ClientRequest
  /** The answer, with status 200. Errors as in `Ipfs`. */
  readonly response: Promise<http.IncomingMessage>
  /** What a failure of the socket means. */
  toError(thrown: unknown): unknown
  /** There was progress: the limit starts anew. */
  touch(): void
  /** The node is not to blame for the time until the next touch. */
  pause(): void
}

const SOCKETS_MAX = 256

/**
 * Requests to one Kubo over kept connections. Written on `node:http` since the end of a Kubo stream counts only with its
 * `X-Stream-Error` trailer, which neither `fetch` nor Kubo's JavaScript client hand out.
 */
export class KuboRpc implements Disposable {
  readonly #clock: Clock
  readonly #address: RpcAddress
  readonly #target: http.RequestOptions
  readonly #agent: http.Agent
  readonly #send: typeof http.request
  readonly #gate: FailureGate
  /** Calls with small answers, most of all pins: many a second, and cheaper than over `node:http`. */
  readonly short: ShortCalls

  constructor(clock: Clock, nodeAddress: string) {
    this.#clock = clock
    this.#address = toRpcAddress(nodeAddress)
    const isTls = 'isTls' in this.#address && this.#address.isTls
    const agentOptions = { keepAlive: true, maxSockets: SOCKETS_MAX, scheduling: 'lifo' } as const
    this.#agent = isTls ? new https.Agent(agentOptions) : new http.Agent(agentOptions)
    this.#send = isTls ? https.request : http.request
    this.#gate = new FailureGate(clock)
    this.short = new ShortCalls(clock, this.#address, this.#gate)
    this.#target =
      'socketPath' in this.#address
        ? { socketPath: this.#address.socketPath }
        : {
            host: this.#address.host,
            port: this.#address.port,
            ...(this.#address.family === undefined ? {} : { family: this.#address.family }),
          }
  }

  /** Sends a request without a body. */
  async open(call: RpcCall): Promise<RpcExchange> {
    call.signal.throwIfAborted()
    if (this.#gate.isLimited) await this.#gate.pass(call.signal)
    const exchange = this.#exchange(call, {}, this.#agent)
    exchange.request.end()
    try {
      await exchange.response
      return exchange
    } catch (thrown) {
      exchange[Symbol.dispose]()
      if (!(thrown instanceof StaleSocket)) throw thrown
    }
    const again = this.#exchange(call, {}, false)
    again.request.end()
    return again
  }

  /** Begins a request whose body the caller writes to `request`, on a connection of its own. */
  async openUpload(call: RpcCall, headers: http.OutgoingHttpHeaders): Promise<RpcExchange> {
    call.signal.throwIfAborted()
    if (this.#gate.isLimited) await this.#gate.pass(call.signal)
    return this.#exchange(call, headers, false)
  }

  /** Closes the kept connections. */
  [Symbol.dispose](): void {
    this.#agent.destroy()
    this.short[Symbol.dispose]()
  }

  #exchange(call: RpcCall, headers: http.OutgoingHttpHeaders, agent: http.Agent | false): RpcExchange {
    const request = this.#send({
      ...this.#target,
      path: `/api/v0/${call.path}`,
      method: 'POST',
      agent,
      headers: Object.keys(headers).length === 0 ? { 'content-length': 0 } : headers,
    })
    let failure: unknown
    let isWhole = false
    const stop = (reason: unknown) => {
      failure ??= reason
      request.destroy()
    }
    const onAbort = () => stop(call.signal.reason)
    call.signal.addEventListener('abort', onAbort, { once: true })
    const timer: StallTimer = openStallTimer(this.#clock, call.limitMs, () =>
      stop(call.onLimit?.() ?? limitReached(call)),
    )
    const toError = (thrown: unknown) => failure ?? unavailable(this.#address.text, call, thrown)
    const response = new Promise<http.IncomingMessage>((resolve, reject) => {
      request.on('error', thrown => {
        const isStale = failure === undefined && request.reusedSocket && isReset(thrown)
        if (failure === undefined && !isStale) this.#gate.failed()
        reject(isStale ? new StaleSocket() : toError(thrown))
      })
      request.on('response', answer => {
        this.#gate.answered()
        timer.touch()
        answer.on('end', () => {
          isWhole = true
        })
        if (answer.statusCode === 200) resolve(answer)
        else refusal(call, answer).then(reject, thrown => reject(toError(thrown)))
      })
    })
    // Who writes a body asks for the answer only afterwards; until then its failure is not an unhandled one.
    response.catch(() => undefined)
    return {
      request,
      response,
      toError,
      touch: () => timer.touch(),
      pause: () => timer.pause(),
      [Symbol.dispose]: () => {
        timer[Symbol.dispose]()
        call.signal.removeEventListener('abort', onAbort)
        if (!isWhole) request.destroy()
      },
    }
  }
}

/** A kept connection that the node had closed already: the request never arrived and may be sent again. */
class StaleSocket extends Error {}

function isReset(thrown: Error & { readonly code?: string }): boolean {
  return thrown.code === 'ECONNRESET' || thrown.code === 'EPIPE'
}

async function refusal(call: RpcCall, answer: http.IncomingMessage): Promise<ClusterError> {
  let body = ''
  answer.setEncoding('utf8')
  for await (const chunk of answer) {
    body += String(chunk)
    if (body.length > REFUSAL_BYTES_MAX) break
  }
  return refusalIn(call.what, answer.statusCode ?? 0, body)
}
