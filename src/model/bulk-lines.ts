import { ClusterError, toClusterError } from '../errors.ts'
import { type NumberedLine, readLineChunks } from '../lib/line-chunks.ts'
import type { BulkLine, BulkLines } from './bulk.ts'
import type { Cid } from './cid.ts'
import { parseCidLine } from './pin-line.ts'

/** Bounds of what is held of a request at a time. No pin within its bounds has a longer line. */
const LIMITS = { charactersMax: 1024 * 1024, linesMax: 1000 }

/** The lines of a body as `parse` understands them, in chunks as they arrive. */
export async function* toBulkLines<Wanted>(
  source: AsyncIterable<Uint8Array>,
  parse: (text: string) => Wanted,
  cidOf: (wanted: Wanted) => Cid,
): BulkLines<Wanted> {
  for await (const chunk of readLineChunks(source, LIMITS)) {
    yield chunk.map(line => toBulkLine(line, parse, cidOf))
  }
}

function toBulkLine<Wanted>(
  { line, text }: NumberedLine,
  parse: (text: string) => Wanted,
  cidOf: (wanted: Wanted) => Cid,
): BulkLine<Wanted> {
  if (text === undefined) {
    const wanted = new ClusterError('TOO_LARGE', `the line is longer than ${LIMITS.charactersMax} characters`)
    return { line, cid: undefined, wanted }
  }
  try {
    const wanted = parse(text)
    return { line, cid: cidOf(wanted), wanted }
  } catch (thrown) {
    return { line, cid: namedIn(text), wanted: toClusterError(thrown) }
  }
}

/** What a line names that cannot be understood as a whole. */
function namedIn(text: string): Cid | undefined {
  try {
    return parseCidLine(text)
  } catch (thrown) {
    if (thrown instanceof ClusterError) return undefined
    throw thrown
  }
}
