import { parseApiAddress } from '../api/address.ts'
import { ClusterError, messageOf } from '../errors.ts'
import { systemClock } from '../lib/clock.ts'
import { type NextPiece, toReplyError } from './read-answer.ts'

/** Who asks. */
export type Credentials =
  | { readonly user: string; readonly password: string }
  /** An API token or a JSON Web Token. */
  | { readonly token: string }

/** How peers are asked. */
export interface PeersConfig {
  /** URLs or multiaddrs of the APIs of peers of one cluster. */
  readonly hosts: readonly string[]
  readonly auth?: Credentials | undefined
  /** How long a peer may be silent, milliseconds; 0 = for ever. */
  readonly timeoutMs: number
  readonly fetch: typeof fetch
}

/** A request, as any of the peers can be asked it. */
export interface Ask {
  readonly method: string
  readonly path: string
  readonly body?: string | FormData | undefined
  readonly type?: string | undefined
  /** Whether it may be asked again when it is not known what became of it. */
  readonly isRepeatable: boolean
  /** Whether the peer may be silent for longer than the time-out: an upload is answered when its first file is in. */
  readonly isSlow?: boolean
  readonly signal: AbortSignal
}

/** An answer with a good status. */
export interface Answer {
  readonly status: number
  readonly from: string
  /** Pieces of the body; a peer that is silent for too long, or a connection that breaks, ends them with an error. */
  readonly next: NextPiece
  /** The whole body. */
  text(): Promise<string>
  /** Leaves what is not read. */
  close(): void
}

/** The peers of a cluster: the one that answered last is asked first, the others when it cannot be reached. */
export class Peers {
  readonly #bases: readonly string[]
  readonly #config: PeersConfig
  readonly #headers: Readonly<Record<string, string>>
  #good = 0

  /** Throws `INVALID_ARGUMENT` for an address that `fetch` cannot ask. */
  constructor(config: PeersConfig) {
    this.#bases = config.hosts.map(toBase)
    if (this.#bases.length === 0)
      throw new ClusterError('INVALID_ARGUMENT', 'no peer is given: name at least one')
    this.#config = config
    this.#headers = {
      Accept: 'application/x-ndjson, application/json',
      ...(config.auth === undefined ? {} : { Authorization: toHeader(config.auth) }),
    }
  }

  /** How many peers there are to ask. */
  get count(): number {
    return this.#bases.length
  }

  /** The next peer is asked first from now on. */
  passOver(): void {
    this.#good = (this.#good + 1) % this.#bases.length
  }

  /** Asks until a peer answers. Throws what the last one made of it. */
  async send(ask: Ask): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const base = this.#bases[this.#good] ?? ''
      try {
        // What must not be asked twice goes only to a peer that is there.
        if (!ask.isRepeatable && this.count > 1) await this.#probe(base, ask.signal)
        return await this.#ask(base, ask)
      } catch (thrown) {
        ask.signal.throwIfAborted()
        if (tries >= this.count || !isNext(thrown, ask)) throw thrown
        this.passOver()
      }
    }
  }

  async #probe(base: string, signal: AbortSignal): Promise<void> {
    const question = { method: 'GET', path: '/health', isRepeatable: true, signal }
    try {
      await (await this.#ask(base, question)).text()
    } catch (thrown) {
      signal.throwIfAborted()
      throw new Unreached(base, thrown, false)
    }
  }

  async #ask(base: string, ask: Ask): Promise<Answer> {
    const { timeoutMs, fetch } = this.#config
    const stop = new AbortController()
    const signal = AbortSignal.any([ask.signal, stop.signal])
    const within = <Value>(work: Promise<Value>, isSlow = false) =>
      isSlow || timeoutMs === 0 ? work : inTime(work, timeoutMs, base, stop)
    const type = ask.type === undefined ? {} : { 'Content-Type': ask.type }
    let response: Response
    try {
      const headers = { ...this.#headers, ...type }
      const init = { method: ask.method, headers, body: ask.body ?? null, signal }
      response = await within(fetch(base + ask.path, init), ask.isSlow)
    } catch (thrown) {
      ask.signal.throwIfAborted()
      throw new Unreached(base, thrown, true)
    }
    const reader = response.body?.getReader()
    const next = async () => {
      try {
        return reader === undefined ? undefined : (await within(reader.read(), ask.isSlow)).value
      } catch (thrown) {
        ask.signal.throwIfAborted()
        throw thrown instanceof ClusterError ? thrown : new Unreached(base, thrown, true)
      }
    }
    const text = () => toText(next)
    if (!response.ok) throw toReplyError(response.status, await text())
    return { status: response.status, from: base, next, text, close: () => stop.abort() }
  }
}

/** No answer, or half of one. */
export class Unreached extends ClusterError {
  /** Whether the peer may have got the request. */
  readonly wasSent: boolean

  constructor(base: string, cause: unknown, wasSent: boolean) {
    const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
    super(
      cause instanceof ClusterError && cause.code === 'TIMEOUT' ? 'TIMEOUT' : 'PEER_UNREACHABLE',
      `the peer at ${base} cannot be reached: ${messageOf(reason)}`,
      { cause },
    )
    this.wasSent = wasSent
  }
}

function isNext(thrown: unknown, { isRepeatable }: Ask): boolean {
  if (thrown instanceof Unreached) return isRepeatable || !thrown.wasSent
  return isRepeatable && thrown instanceof ClusterError && thrown.code === 'NOT_READY'
}

async function inTime<Value>(
  work: Promise<Value>,
  ms: number,
  base: string,
  stop: AbortController,
): Promise<Value> {
  const done = new AbortController()
  const late = systemClock.sleep(ms, done.signal).then(
    () => {
      const error = new ClusterError('TIMEOUT', `the peer at ${base} was silent for ${ms / 1000} s`)
      stop.abort(error)
      throw error
    },
    // The work was done in time.
    () => new Promise<never>(() => {}),
  )
  try {
    return await Promise.race([work, late])
  } finally {
    done.abort()
  }
}

async function toText(next: NextPiece): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for (let piece = await next(); piece !== undefined; piece = await next())
    text += decoder.decode(piece, { stream: true })
  return text + decoder.decode()
}

function toBase(host: string): string {
  const address = parseApiAddress(host)
  if (address.kind === 'unix')
    throw new ClusterError('INVALID_ARGUMENT', `"${host}" is a socket file, which cannot be asked from here`)
  const name = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${address.isTls ? 'https' : 'http'}://${name}:${address.port}${address.prefix}`
}

function toHeader(auth: Credentials): string {
  if ('token' in auth) return `Bearer ${auth.token}`
  const bytes = new TextEncoder().encode(`${auth.user}:${auth.password}`)
  return `Basic ${btoa(String.fromCharCode(...bytes))}`
}
