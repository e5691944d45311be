import { StringDecoder } from 'node:string_decoder'
import { ClusterError } from '../errors.ts'

/** Bound of one document in a stream, and of a whole document: characters. */
const LINE_MAX = 64 * 1024 * 1024
const TEXT_MAX = 256 * 1024 * 1024

/** The lines of a stream, without blank ones; the last needs no line end. Throws `TOO_LARGE` beyond 64 Mi characters. */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const chunk of source) {
    const text = decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    if (!text.includes('\n')) {
      rest += text
      if (rest.length > LINE_MAX) throw new ClusterError('TOO_LARGE', 'a line of the answer is too long')
      continue
    }
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield line
  }
  rest += decoder.end()
  if (rest.trim() !== '') yield rest
}

/** The whole text of a stream. Throws `TOO_LARGE` beyond 256 Mi bytes. */
export async function readText(source: AsyncIterable<Uint8Array>, bytesMax = TEXT_MAX): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new ClusterError('TOO_LARGE', `the text is longer than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
