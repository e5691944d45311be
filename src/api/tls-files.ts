import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { ClusterError, messageOf } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { repeat } from '../lib/repeat.ts'

/** Absolute paths of PEM files. */
export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
  /** Authorities of client certificates; undefined = clients are not asked for any. */
  readonly clientCaFile: string | undefined
}

/** How often the files are looked at. */
const WATCH_MS = 10_000

/** What the files say now. Throws `CONFIG_INVALID` for what cannot be served, such as a key of another certificate. */
export async function readTls(files: TlsFiles): Promise<SecureContextOptions> {
  try {
    const options = {
      cert: await readFile(files.certFile),
      key: await readFile(files.keyFile),
      ...(files.clientCaFile === undefined ? {} : { ca: await readFile(files.clientCaFile) }),
      minVersion: 'TLSv1.2',
    } as const
    createSecureContext(options)
    return options
  } catch (cause) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `the TLS files ${namesOf(files).join(', ')} cannot be used: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/**
 * Looks every ten seconds whether the files were renewed, and hands over what they say then; connections that stand keep
 * what they have. What is changed after this call is noticed. Files that cannot be used are logged once and change nothing; half of a renewal is one of them for a moment.
 */
export async function watchTls(
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  files: TlsFiles,
  onRenewed: (options: SecureContextOptions) => void,
): Promise<AsyncDisposable> {
  let seen = await stampOf(files)
  const onError = (thrown: unknown) =>
    logger.error('the renewed TLS files are not used: the old ones stay', { error: messageOf(thrown) })
  return repeat({ clock, everyMs: WATCH_MS, onError }, async () => {
    const stamp = await stampOf(files)
    if (stamp === seen) return
    seen = stamp
    onRenewed(await readTls(files))
    logger.info('the TLS files were renewed: new connections use them', { files: namesOf(files) })
  })
}

function namesOf({ certFile, keyFile, clientCaFile }: TlsFiles): readonly string[] {
  return [certFile, keyFile, ...(clientCaFile === undefined ? [] : [clientCaFile])]
}

/** Differs when a file does, or is another one behind the same name. */
async function stampOf(files: TlsFiles): Promise<string> {
  const stamps = await Promise.all(
    namesOf(files).map(async file => {
      try {
        const { mtimeMs, size, ino } = await stat(file)
        return `${mtimeMs} ${size} ${ino}`
      } catch (thrown) {
        return messageOf(thrown)
      }
    }),
  )
  return stamps.join('\n')
}
