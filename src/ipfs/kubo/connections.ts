import net from 'node:net'
import tls from 'node:tls'
import type { RpcAddress } from './address.ts'
import { AnswerParser, type AnswerSink, MalformedAnswer } from './answer-parser.ts'

/** More than the tracker may have under way at a time, so that slow pins never keep a question waiting. */
const CONNECTIONS_MAX = 1200

/** Who waits for an answer. */
export interface Waiting extends AnswerSink {
  /** The whole answer has come; its status and trailers are on the parser. */
  onEnd(parser: AnswerParser): void
  /** There is no answer, or only a part of it. `isStale`: the node never saw the request. */
  onFailure(thrown: Error, isStale: boolean): void
}

/** Somebody who wants a connection. */
export interface Use {
  /** Whether it is still wanted when its turn has come. */
  isWanted(): boolean
  send(connection: Connection): void
  /** There will be none. */
  drop(reason: Error): void
}

/** One request at a time over one socket. */
export class Connection {
  readonly #socket: net.Socket
  readonly #onIdle: (connection: Connection) => void
  #waiting: Waiting | undefined
  #parser: AnswerParser | undefined
  #isReused = false

  constructor(
    address: RpcAddress,
    onIdle: (connection: Connection) => void,
    onClose: (connection: Connection) => void,
  ) {
    this.#onIdle = onIdle
    this.#socket = connect(address)
    this.#socket.on('data', piece => this.#receive(piece))
    this.#socket.on('error', thrown => this.#fail(thrown))
    this.#socket.on('close', () => {
      this.#fail(new Error('the connection was closed before the end of the answer'))
      onClose(this)
    })
  }

  /** Whether it can take a request. */
  get isUsable(): boolean {
    return this.#waiting === undefined && !this.#socket.destroyed && this.#socket.writable
  }

  /** Sends a request; answers with the parser of what comes back. */
  send(head: string, waiting: Waiting): AnswerParser {
    const parser = new AnswerParser(waiting)
    this.#waiting = waiting
    this.#parser = parser
    this.#socket.ref()
    this.#socket.write(head, 'latin1')
    return parser
  }

  /** Closes the socket; whoever waits is told why. */
  destroy(reason: Error): void {
    this.#fail(reason)
    this.#socket.destroy()
  }

  #receive(piece: Buffer): void {
    const parser = this.#parser
    if (parser === undefined) return this.destroy(new MalformedAnswer('bytes came that nobody asked for'))
    try {
      parser.push(piece)
    } catch (thrown) {
      return this.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
    const waiting = this.#waiting
    if (!parser.isOver || waiting === undefined) return
    this.#waiting = undefined
    this.#parser = undefined
    this.#isReused = true
    if (parser.isKept) {
      this.#socket.unref()
      this.#onIdle(this)
    } else this.#socket.destroy()
    waiting.onEnd(parser)
  }

  #fail(thrown: Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.onFailure(thrown, this.#isReused && this.#parser?.hasBegun !== true)
  }
}

/** Kept connections to one node; the last one that came back goes first, so that the others may go. */
export class Connections implements Disposable {
  readonly #address: RpcAddress
  readonly #all = new Set<Connection>()
  readonly #idle: Connection[] = []
  readonly #queue: Use[] = []
  #isClosed = false

  constructor(address: RpcAddress) {
    this.#address = address
  }

  /** Calls `use` with a connection, at once unless too many are busy. `isFresh` asks for one that was never used. */
  take(isFresh: boolean, use: Use): void {
    if (this.#isClosed) return use.drop(closed())
    for (let kept = isFresh ? undefined : this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) {
      if (kept.isUsable) return use.send(kept)
    }
    if (this.#all.size >= CONNECTIONS_MAX) this.#queue.push(use)
    else use.send(this.#open())
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    for (const use of this.#queue.splice(0)) use.drop(closed())
    for (const connection of this.#all) connection.destroy(closed())
  }

  #open(): Connection {
    const connection = new Connection(
      this.#address,
      kept => {
        if (!this.#serveQueue(() => kept)) this.#idle.push(kept)
      },
      gone => this.#forget(gone),
    )
    this.#all.add(connection)
    return connection
  }

  #forget(gone: Connection): void {
    this.#all.delete(gone)
    const at = this.#idle.indexOf(gone)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#serveQueue(() => this.#open())
  }

  /** Gives a connection to the first who still wants it; false when nobody does. */
  #serveQueue(give: () => Connection): boolean {
    for (let use = this.#queue.shift(); use !== undefined; use = this.#queue.shift()) {
      if (use.isWanted()) {
        use.send(give())
        return true
      }
    }
    return false
  }
}

function closed(): Error {
  return new Error('the connector is closed')
}

function connect(address: RpcAddress): net.Socket {
  if ('socketPath' in address) return net.connect({ path: address.socketPath })
  const { host, port, family, isTls } = address
  const options = { host, port, noDelay: true, ...(family === undefined ? {} : { family }) }
  if (!isTls) return net.connect(options)
  return tls.connect({ ...options, ...(net.isIP(host) === 0 ? { servername: host } : {}) })
}
