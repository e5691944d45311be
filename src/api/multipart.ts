import { ClusterError } from '../errors.ts'

/** One part of a multipart body. Its content is read once, before the next part. */
export interface Part {
  /** Header names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly content: AsyncIterable<Uint8Array>
}

/** Bound of the headers of one part. */
const PART_HEADERS_MAX = 64 * 1024
const HEADERS_END = '\r\n\r\n'

/** The boundary that a multipart `Content-Type` names. Throws `INVALID_ARGUMENT`. */
export function boundaryOf(contentType: string | undefined): string {
  if (!/^multipart\/(form-data|mixed)\s*(;|$)/i.test(contentType ?? '')) {
    throw new ClusterError('INVALID_ARGUMENT', "request Content-Type isn't multipart/form-data")
  }
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType ?? '') ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined || boundary.length > 200) {
    throw new ClusterError('INVALID_ARGUMENT', 'no multipart boundary param in Content-Type')
  }
  return boundary
}

/**
 * The parts of a multipart body (RFC 2046), as they arrive: reads no further than its reader asks. A body that ends
 * before its closing boundary throws `INVALID_ARGUMENT`, from the content of the part that was cut.
 */
export async function* readParts(source: AsyncIterable<Uint8Array>, boundary: string): AsyncIterable<Part> {
  await using input = new MultipartInput(source, boundary)
  await input.skipContent()
  while (await input.hasNextPart()) {
    const headers = await input.readHeaders()
    yield { headers, content: input.readContent() }
    // What the reader left of the content stands before the next part.
    if (!input.isAtBoundary) await input.skipContent()
  }
}

class MultipartInput implements AsyncDisposable {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #delimiter: Buffer
  // A line end before the first byte lets the first boundary look like the others.
  #rest: Buffer = Buffer.from('\r\n')

  constructor(source: AsyncIterable<Uint8Array>, boundary: string) {
    this.#source = source[Symbol.asyncIterator]()
    this.#delimiter = Buffer.from(`\r\n--${boundary}`)
  }

  /** Whether the content of the present part was read to its end. */
  isAtBoundary = false

  async skipContent(): Promise<void> {
    for await (const _skipped of this.readContent()) continue
  }

  /** Behind a boundary: whether a part follows, or the end. */
  async hasNextPart(): Promise<boolean> {
    while (this.#rest.length < 2) await this.#more()
    if (this.#rest[0] === 0x2d && this.#rest[1] === 0x2d) return false
    this.#rest = this.#rest.subarray(await this.#find('\r\n'))
    return true
  }

  async readHeaders(): Promise<ReadonlyMap<string, string>> {
    const end = await this.#find(HEADERS_END)
    this.isAtBoundary = false
    const lines = this.#rest.subarray(0, end).toString('utf8').split('\r\n')
    this.#rest = this.#rest.subarray(end + HEADERS_END.length)
    return new Map(
      lines
        .filter(line => line.includes(':'))
        .map(line => {
          const colon = line.indexOf(':')
          return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]
        }),
    )
  }

  /** The bytes up to the next boundary, which is taken away with them. */
  async *readContent(): AsyncGenerator<Uint8Array> {
    let from = 0
    for (;;) {
      const at = this.#rest.indexOf(this.#delimiter, from)
      const behind = at + this.#delimiter.length
      if (at >= 0 && this.#rest.length < behind + 2) {
        await this.#more()
        continue
      }
      if (at >= 0 && isBoundaryEnd(this.#rest, behind)) {
        if (at > 0) yield this.#rest.subarray(0, at)
        this.#rest = this.#rest.subarray(behind)
        this.isAtBoundary = true
        return
      }
      if (at >= 0) {
        from = at + 1
        continue
      }
      const keep = Math.min(this.#rest.length, this.#delimiter.length - 1)
      const ready = this.#rest.subarray(0, this.#rest.length - keep)
      this.#rest = this.#rest.subarray(this.#rest.length - keep)
      from = 0
      if (ready.length > 0) yield ready
      await this.#more()
    }
  }

  async #find(mark: string): Promise<number> {
    let at = this.#rest.indexOf(mark)
    while (at < 0) {
      if (this.#rest.length > PART_HEADERS_MAX) {
        throw new ClusterError('TOO_LARGE', 'multipart: the headers of a part are longer than 64 KiB')
      }
      await this.#more()
      at = this.#rest.indexOf(mark)
    }
    return at
  }

  async #more(): Promise<void> {
    const { value, done } = await this.#source.next()
    if (done === true) throw new ClusterError('INVALID_ARGUMENT', 'multipart: NextPart: EOF')
    const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.return?.()
  }
}

/** What may stand behind a boundary: a line end, white space, or the two hyphens of the last one. */
function isBoundaryEnd(bytes: Buffer, at: number): boolean {
  const [first, second] = [bytes[at], bytes[at + 1]]
  return (
    (first === 0x0d && second === 0x0a) ||
    (first === 0x2d && second === 0x2d) ||
    first === 0x20 ||
    first === 0x09
  )
}
