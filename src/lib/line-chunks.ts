import { StringDecoder } from 'node:string_decoder'

/** A line and its number, from 1. */
export interface NumberedLine {
  readonly line: number
  /** Undefined when it is longer than allowed. */
  readonly text: string | undefined
}

/** Bounds of what is held of a text while it is cut into lines. */
export interface LineLimits {
  /** Most characters in a line; of longer ones nothing is kept. */
  readonly charactersMax: number
  /** Most lines in a chunk. */
  readonly linesMax: number
}

/**
 * Cuts a stream into lines, in chunks as they come: what arrived together is together. Blank lines are counted and left
 * out; the last line needs no line end. However long a line is, memory stays bounded.
 */
export async function* readLineChunks(
  source: AsyncIterable<Uint8Array>,
  { charactersMax, linesMax }: LineLimits,
): AsyncIterable<readonly NumberedLine[]> {
  const decoder = new StringDecoder('utf8')
  let line = 0
  let rest = ''
  let isTooLong = false
  const take = (text: string, chunk: NumberedLine[]) => {
    line++
    if (isTooLong || text.length > charactersMax) chunk.push({ line, text: undefined })
    else if (text.trim() !== '') chunk.push({ line, text })
    isTooLong = false
  }
  for await (const bytes of source) {
    const pieces = decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).split('\n')
    const last = pieces.pop() ?? ''
    let chunk: NumberedLine[] = []
    for (const piece of pieces) {
      take(rest + piece, chunk)
      rest = ''
      if (chunk.length < linesMax) continue
      yield chunk
      chunk = []
    }
    rest += last
    if (rest.length > charactersMax) {
      isTooLong = true
      rest = ''
    }
    if (chunk.length > 0) yield chunk
  }
  rest += decoder.end()
  const chunk: NumberedLine[] = []
  if (isTooLong || rest !== '') take(rest, chunk)
  if (chunk.length > 0) yield chunk
}
