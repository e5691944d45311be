import { posix } from 'node:path'
import { ClusterError } from '../errors.ts'
import type { AddEntry } from '../model/add.ts'
import type { Part } from './multipart.ts'

/** Bound of the target of a symbolic link: PATH_MAX of Linux. */
const SYMLINK_MAX = 4096
/** Bounds of the path of an entry. Directories are folded from within one another, each on the stack of the one around it. */
const PATH_BYTES_MAX = 16 * 1024
const PATH_SEGMENTS_MAX = 1024

/** The entries of an upload, one a part. `isEmptyAllowed` says whether an upload without parts means something. */
export async function* readEntries(
  parts: AsyncIterable<Part>,
  isEmptyAllowed: boolean,
): AsyncIterable<AddEntry> {
  let isEmpty = true
  for await (const part of parts) {
    isEmpty = false
    yield await toEntry(part)
  }
  if (isEmpty && !isEmptyAllowed) {
    throw new ClusterError('INVALID_ARGUMENT', 'the upload has no parts: send at least one file')
  }
}

async function toEntry(part: Part): Promise<AddEntry> {
  const path = pathOf(part.headers.get('content-disposition') ?? '')
  if (Buffer.byteLength(path) > PATH_BYTES_MAX || path.split('/').length > PATH_SEGMENTS_MAX) {
    throw new ClusterError(
      'TOO_LARGE',
      `the path "${path.slice(0, 100)}…" is longer than ${PATH_BYTES_MAX} bytes or has more than ${PATH_SEGMENTS_MAX} parts`,
    )
  }
  const type = (part.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/x-directory' || type === 'multipart/form-data') return { kind: 'directory', path }
  if (type === 'application/symlink') return { kind: 'symlink', path, target: await targetOf(part, path) }
  return { kind: 'file', path, content: part.content }
}

/** The relative path in `filename`, query-unescaped and cleaned so that it cannot lead out of the upload. */
export function pathOf(disposition: string): string {
  const [, quoted, plain] = /;\s*filename=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(disposition) ?? []
  const literal = quoted === undefined ? (plain ?? '') : quoted.replace(/\\(["\\])/g, '$1')
  const clean = posix.normalize(`/${unescapeQuery(literal)}`)
  return clean.replace(/^\/+|\/+$/g, '')
}

function unescapeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    // Clients that do not encode send names like "100%".
    if (cause instanceof URIError) return text
    throw cause
  }
}

async function targetOf(part: Part, path: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of part.content) {
    bytes += chunk.length
    if (bytes > SYMLINK_MAX) {
      throw new ClusterError('TOO_LARGE', `the symbolic link "${path}" is longer than ${SYMLINK_MAX} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
