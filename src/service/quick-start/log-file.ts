import { closeSync, openSync, renameSync, writeSync } from 'node:fs'

const SIZE_MAX_BYTES = 16 * 1024 * 1024

/** A log file that begins empty; when it is full, it goes on empty and the full one stays as `<path>.old`. */
export interface LogFile extends Disposable {
  write(chunk: Uint8Array): void
}

/** Opens a log file. */
export function openLogFile(path: string, sizeMaxBytes = SIZE_MAX_BYTES): LogFile {
  let file = openSync(path, 'w', 0o600)
  let sizeBytes = 0
  return {
    write(chunk) {
      if (sizeBytes > 0 && sizeBytes + chunk.length > sizeMaxBytes) {
        closeSync(file)
        renameSync(path, `${path}.old`)
        file = openSync(path, 'w', 0o600)
        sizeBytes = 0
      }
      writeSync(file, chunk)
      sizeBytes += chunk.length
    },
    [Symbol.dispose]: () => closeSync(file),
  }
}
