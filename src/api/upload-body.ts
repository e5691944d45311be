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
        `Content-Disposition: form-data; name="file"; filename="${encodeURIComponent(entry.path)}"\r\n` +
        `Content-Type: ${CONTENT_TYPES[entry.kind]}\r\n\r\n`,
    )
    if (entry.kind === 'file') yield* entry.content
    if (entry.kind === 'symlink') yield Buffer.from(entry.target)
    yield Buffer.from('\r\n')
  }
  yield Buffer.from(`--${boundary}--\r\n`)
}
