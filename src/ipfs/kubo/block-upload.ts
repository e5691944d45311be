import { ClusterError } from '../../errors.ts'
import type { Block } from '../../interfaces.ts'
import { concatBytes, equalBytes } from '../../lib/bytes.ts'
import { type Cid, parseCid } from '../../model/cid.ts'
import { member, readLines } from './answer.ts'
import { codecName, hashName } from './multihash-names.ts'
import type { KuboRpc, RpcExchange } from './rpc.ts'
import { refused } from './rpc-call.ts'

const BOUNDARY = 'pinfold-block-boundary-7b1e5c'
const PART_END = Buffer.from('\r\n')
const UNANSWERED_MAX = 16_384

/** The query of `block/put` for a block; two blocks of equal query can go in one request. */
export function uploadQuery(cid: Cid): string {
  const hash = hashName(cid.multihash.code)
  if (hash === undefined) {
    throw new ClusterError(
      'IPFS_REFUSED',
      `${cid.toString()} uses the hash function 0x${cid.multihash.code.toString(16)}, which Kubo's block/put does not know`,
    )
  }
  return `cid-codec=${codecName(cid.code)}&mhtype=${hash}&mhlen=${cid.multihash.size}&pin=false&allow-big-block=true`
}

/** One `block/put` of many blocks: a part for each, sent as they come. The keys in the answer are compared. */
export class BlockUpload implements Disposable {
  readonly query: string
  readonly #exchange: RpcExchange
  readonly #what: string
  readonly #unanswered: Cid[] = []
  readonly #answers: Promise<void>
  #failure: { readonly thrown: unknown } | undefined
  #wake: (() => void) | undefined
  blocks = 0
  sizeBytes = 0

  private constructor(query: string, what: string, exchange: RpcExchange) {
    this.query = query
    this.#what = what
    this.#exchange = exchange
    this.#answers = this.#readAnswers().catch((thrown: unknown) => {
      this.#failure ??= { thrown }
      this.#exchange.request.destroy()
      this.#wake?.()
    })
    exchange.request.on('drain', () => this.#wake?.())
    exchange.request.on('close', () => this.#wake?.())
  }

  /** Begins a request for blocks of one query. */
  static async open(rpc: KuboRpc, query: string, limitMs: number, signal: AbortSignal): Promise<BlockUpload> {
    const what = 'block/put'
    const exchange = await rpc.openUpload(
      { path: `block/put?${query}`, what, signal, limitMs },
      { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, 'transfer-encoding': 'chunked' },
    )
    return new BlockUpload(query, what, exchange)
  }

  /** Sends a block; waits when the node is slower than its source. */
  async write(block: Block): Promise<void> {
    this.#exchange.touch()
    await this.#waitWhile(() => this.#unanswered.length >= UNANSWERED_MAX)
    this.#unanswered.push(block.cid)
    const { request } = this.#exchange
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="data"; filename="${this.blocks}"\r\nContent-Type: application/octet-stream\r\n\r\n`
    const hasRoom = request.write(concatBytes([Buffer.from(head), block.bytes, PART_END]))
    this.blocks++
    this.sizeBytes += block.bytes.length
    if (!hasRoom) await this.#waitWhile(() => request.writableNeedDrain)
    this.#exchange.pause()
    this.#throwFailure()
  }

  /** Ends the request and waits for the answers; throws when not every block was taken under its name. */
  async finish(): Promise<void> {
    this.#exchange.touch()
    if (!this.#exchange.request.destroyed) this.#exchange.request.end(`--${BOUNDARY}--\r\n`)
    await this.#answers
    this.#throwFailure()
    const [missing] = this.#unanswered
    if (missing !== undefined)
      throw refused(`block/put of ${missing.toString()}`, 'it ended without an answer for the block')
  }

  /** Drops a request that was not finished. */
  [Symbol.dispose](): void {
    this.#exchange[Symbol.dispose]()
  }

  async #readAnswers(): Promise<void> {
    for await (const lines of readLines(this.#exchange, this.#what)) {
      for (const line of lines) this.#take(line)
      this.#wake?.()
    }
  }

  #take(line: unknown): void {
    const key = member(line, 'Key')
    const expected = this.#unanswered.shift()
    if (typeof key !== 'string' || expected === undefined) {
      throw refused(this.#what, `unexpected answer ${JSON.stringify(line).slice(0, 200)}`)
    }
    if (!equalBytes(parseCid(key).multihash.bytes, expected.multihash.bytes)) {
      throw refused(
        `block/put of ${expected.toString()}`,
        `its bytes hash to ${key}: the block is not what its name says`,
      )
    }
  }

  /** Waits until the condition is gone or the request has ended. */
  async #waitWhile(condition: () => boolean): Promise<void> {
    while (condition() && this.#failure === undefined && !this.#exchange.request.closed) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown
  }
}
