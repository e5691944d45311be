/** JSON whose integers may have 64 bits: they are bigints where a JavaScript number would lose digits. */

interface SourceContext {
  readonly source?: string
}

// ECMAScript 2026 (JSON.parse source text access); in Node since 21, not yet in TypeScript's library.
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: SourceContext) => unknown): unknown
  rawJSON(text: string): unknown
}
const json = JSON as unknown as JsonWithSource

const MAYBE_WIDE = /\d{16}/
const INTEGER = /^-?\d+$/

/** The value of a JSON text; integers beyond 2^53 become bigints. Throws `SyntaxError`. */
export function parseJson(text: string): unknown {
  if (!MAYBE_WIDE.test(text)) return JSON.parse(text)
  return json.parse(text, (_key, value, { source }) => {
    const isWide = typeof value === 'number' && !Number.isSafeInteger(value)
    return isWide && source !== undefined && INTEGER.test(source) ? BigInt(source) : value
  })
}

/** The JSON text of a value; bigints become integer literals. `indent` as in `JSON.stringify`. */
export function formatJson(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent)
  } catch (thrown) {
    // There may be a bigint. A replacer doubles the time, so it comes only where it is needed.
    if (!(thrown instanceof TypeError)) throw thrown
    return JSON.stringify(value, widen, indent)
  }
}

/** Characters of lines that are handed on in one go. */
const PIECE_CHARACTERS = 64 * 1024

/** Documents as lines of JSON, in pieces of many lines. */
export async function* toJsonLines(documents: AsyncIterable<unknown>): AsyncGenerator<string> {
  let text = ''
  for await (const document of documents) {
    text += `${formatJson(document)}\n`
    if (text.length < PIECE_CHARACTERS) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}

function widen(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? json.rawJSON(value.toString()) : value
}
