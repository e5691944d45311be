/** A file to add. Its path begins with no slash; the directories in it are made. */
export interface UploadFile {
  readonly path: string
  readonly content: Blob | Uint8Array<ArrayBuffer> | string
}

/** What to add: files, or a form whose parts are files. */
export type Upload = Iterable<UploadFile> | FormData

/** The body of an upload. The content of `Blob`s is read while it is sent. */
export function toForm(upload: Upload): FormData {
  if (upload instanceof FormData) return upload
  const form = new FormData()
  for (const { path, content } of upload) {
    const blob = content instanceof Blob ? content : new Blob([content])
    // Names are percent-encoded on this API; a form would send them as they are.
    form.append('file', blob, path.split('/').map(encodeURIComponent).join('/'))
  }
  return form
}
