import type https from 'node:https'
import type { Duplex } from 'node:stream'
import type { Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { TokenBucket } from '../lib/token-bucket.ts'

/** How often the log tells of certificates: whoever connects decides how many there are. */
const LINES = { capacity: 10, perSecond: 1 }

/**
 * Logs client certificates that are no credential, with what is wrong with them: out of date, or of another authority. Their
 * clients go on as those without one. And ends connections whose TLS cannot be agreed on, or stands still, which is no HTTP yet.
 */
export function watchTlsClients(
  server: https.Server,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): void {
  const lines = new TokenBucket(clock, LINES)
  server.on('secureConnection', socket => {
    if (socket.authorized) return
    const { subject } = socket.getPeerCertificate()
    // Who sends none has no subject.
    if (subject === undefined || !lines.tryTake(1)) return
    const name = [subject.CN ?? ''].flat().join(', ').slice(0, 200)
    logger.warn('a client certificate is refused', {
      name,
      why: String(socket.authorizationError),
      from: socket.remoteAddress ?? '',
    })
  })
  // The HTTP library would answer in plain text, behind a handshake that never ends.
  server.prependListener('tlsClientError', (_thrown: Error, socket: Duplex) => void socket.destroy())
}
