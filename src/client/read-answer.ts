import { ClusterError, CODES, type Code, codeOfStatus } from '../errors.ts'
import { parseJson } from '../lib/json.ts'

/** Bound of one document in a stream, characters. */
const LINE_MAX = 64 * 1024 * 1024

/** The next piece of a body; undefined at its end. */
export type NextPiece = () => Promise<Uint8Array | undefined>

/** The error that an answer tells: the code that it names, else the nearest to its status. */
export function toReplyError(status: number, text: string): ClusterError {
  const told = tryParse(text)
  return (
    errorIn(told) ??
    new ClusterError(
      codeOfStatus(status),
      textIn(told) ?? (text.trim().slice(0, 2000) || `the peer answered with status ${status}`),
      { details: { status } },
    )
  )
}

/** The error that a document is, undefined for any other document. */
export function errorIn(document: unknown): ClusterError | undefined {
  if (typeof document !== 'object' || document === null) return undefined
  const { code, message, reason } = document as Readonly<Record<string, unknown>>
  if (typeof code !== 'number' || typeof message !== 'string' || typeof reason !== 'string') return undefined
  const known = Object.hasOwn(CODES, reason) ? (reason as Code) : codeOfStatus(code)
  return new ClusterError(known, message, { details: { status: code } })
}

function textIn(document: unknown): string | undefined {
  if (typeof document !== 'object' || document === null || !('message' in document)) return undefined
  return typeof document.message === 'string' ? document.message : undefined
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

/** The document of an answer. Throws `INTERNAL` when it is none. */
export function parseDocument(text: string, from: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    throw new ClusterError('INTERNAL', `the answer of ${from} is not JSON`, { cause })
  }
}

/**
 * The documents of a stream, one a line, or one an event (WHATWG HTML 9.2, in lines as our peers write them). One that is an
 * error ends it, and is thrown.
 */
export async function* readDocuments(
  next: NextPiece,
  from: string,
  isEvents = false,
): AsyncIterable<unknown> {
  for await (const line of readLines(next, from)) {
    const text = isEvents ? (/^data: ?(.*)$/.exec(line)?.[1] ?? '') : line
    if (text.trim() !== '') yield toDocument(text, from)
  }
}

async function* readLines(next: NextPiece, from: string): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for (let piece = await next(); piece !== undefined; piece = await next()) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_MAX) throw new ClusterError('TOO_LARGE', `a line of ${from} is too long`)
    yield* lines
  }
  rest += decoder.decode()
  yield rest
}

function toDocument(line: string, from: string): unknown {
  const document = parseDocument(line, from)
  const error = errorIn(document)
  if (error !== undefined) throw error
  return document
}
