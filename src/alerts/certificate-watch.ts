import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { messageOf } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { AlertBook } from './alert-book.ts'
import { roughly } from './wording.ts'

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/** What watching certificates needs. */
export interface CertificateWatchParts {
  readonly book: AlertBook
  readonly clock: Pick<Clock, 'now'>
  /** Absolute paths of PEM files with certificates. */
  readonly files: readonly string[]
  /** How long before its end a certificate is told of, milliseconds. */
  readonly warningMs: number
}

/** Alerts of certificates that expire soon, have expired, or cannot be read; one a file. */
export class CertificateWatch {
  readonly #parts: CertificateWatchParts

  constructor(parts: CertificateWatchParts) {
    this.#parts = parts
  }

  async check(signal: AbortSignal): Promise<void> {
    for (const file of new Set(this.#parts.files)) await this.#checkFile(file, signal)
  }

  async #checkFile(file: string, signal: AbortSignal): Promise<void> {
    const { book, clock, warningMs } = this.#parts
    const renew = 'put a renewed one there; it is taken without a restart'
    const end = await endOf(file, signal)
    if (typeof end === 'string') {
      book.clear('certificate-expiring', file)
      book.raise('certificate-expired', file, `the certificate in ${file} cannot be read: ${end}`)
      return
    }
    const leftMs = end - clock.now()
    if (leftMs <= 0) {
      book.clear('certificate-expiring', file)
      book.raise(
        'certificate-expired',
        file,
        `the certificate in ${file} expired ${roughly(-leftMs)} ago: ${renew}`,
      )
      return
    }
    book.clear('certificate-expired', file)
    if (leftMs > warningMs) return book.clear('certificate-expiring', file)
    book.raise(
      'certificate-expiring',
      file,
      `the certificate in ${file} expires in ${roughly(leftMs)}: ${renew}`,
    )
  }
}

/** When the first certificate of the chain in a file ends, Unix milliseconds; or why that is not known. */
async function endOf(file: string, signal: AbortSignal): Promise<number | string> {
  try {
    const text = await readFile(file, { encoding: 'utf8', signal })
    const ends = [...text.matchAll(PEM)].map(([pem]) => new X509Certificate(pem).validToDate.getTime())
    return ends.length === 0 ? 'there is none in the file' : Math.min(...ends)
  } catch (thrown) {
    signal.throwIfAborted()
    return messageOf(thrown)
  }
}
