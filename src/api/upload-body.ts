import type { AddEntry } from '../model/add.ts'

const CONTENT_TYPES = {
  file: 'application/octet-stream',
  directory: 'application/x-directory',
  symlink: 'application/symlink',
} as const satisfies Record<AddEntry['kind'], string>

/**
 * The multipart/form-data body of entries, as IPFS clients write it: one part an entry, the path percent-encoded in its
 * `filename`. Reads each content only when its bytes are asked for.
 */
export async function* encodeUpload(
  entries: AsyncIterable<AddEntry>,
  boundary: string,
): AsyncIterable<Uint8Array> {
  for await (const entry of entries) {
    yield Buffer.from(
      `--${boundary}\r\n` +
        `Content-Disposition: form-data; name="${fieldName(entry)}"; filename="${encodeURIComponent(entry.path)}"\r\n` +
        `Content-Type: ${CONTENT_TYPES[entry.kind]}\r\n\r\n`,
    )
    if (entry.kind === 'file') yield* entry.content
    if (entry.kind === 'symlink') yield Buffer.from(entry.target)
    yield Buffer.from('\r\n')
  }
  yield Buffer.from(`--${boundary}--\r\n`)
}

// Go's bits for a directory and a symbolic link, which IPFS clients send along with the permissions.
const TYPE_BITS = { file: 0, directory: 2 ** 31, symlink: 2 ** 27 } as const satisfies Record<
  AddEntry['kind'],
  number
>

/** The name of the part, with mode (octal) and time of the entry when they are known. */
function fieldName({ kind, attributes }: AddEntry): string {
  if (attributes === undefined) return 'file'
  const mode = `0${(TYPE_BITS[kind] + (attributes.mode & 0o777)).toString(8)}`
  const seconds = Math.floor(attributes.mtimeMs / 1000)
  const nanoseconds = Math.floor((attributes.mtimeMs - seconds * 1000) * 1e6)
  return `file?mode=${mode}&mtime=${seconds}&mtime-nsecs=${nanoseconds}`
}
