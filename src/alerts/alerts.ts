import type { Meter } from '@opentelemetry/api'
import { messageOf } from '../errors.ts'
import type { Alerts, Consensus, Ipfs, Logger, Monitor, Network, PeerMarks } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { repeat } from '../lib/repeat.ts'
import type { PeerId } from '../model/peer.ts'
import type { FateOf } from '../model/peer-fate.ts'
import { AlertBook } from './alert-book.ts'
import { CertificateWatch } from './certificate-watch.ts'
import { ClockWatch } from './clock-watch.ts'
import type { AlertsConfig } from './config.ts'
import { IdentityWatch } from './identity-watch.ts'
import { ALERT_METRICS } from './metrics.ts'
import { OwnWatch } from './own-watch.ts'
import { PeerWatch } from './peer-watch.ts'
import { PinsetWatch } from './pinset-watch.ts'
import { StoreWatch } from './store-watch.ts'

/** What alerts are about. */
export interface AlertsParts {
  readonly self: PeerId
  readonly monitor: Pick<
    Monitor,
    'health' | 'hello' | 'latest' | 'onAlert' | 'onBeat' | 'onHealth' | 'onMetric' | 'onSecondRun' | 'peers'
  >
  readonly consensus: Pick<Consensus, 'isTrusted' | 'rootDigest' | 'state'>
  readonly network: Pick<Network, 'peers' | 'self'>
  readonly ipfs: Pick<Ipfs, 'id'>
  readonly marks: Pick<PeerMarks, 'of'>
  readonly fateOf: FateOf
  /** PEM files of the APIs. */
  readonly certificateFiles: readonly string[]
  /** Bytes that are free on the disk with the pinset. */
  readonly diskFreeBytes: () => Promise<number>
  /** From this share of its limit on an IPFS node is full (`allocator.balanced.disk_full_share`). */
  readonly diskFullShare: number
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: Meter
}

/** Watches peers, clocks, pinsets, the own disk, IPFS node and certificates, and keeps what there is to tell of them. */
export function openAlerts(parts: AlertsParts, config: AlertsConfig): Alerts {
  const { self, clock, logger, monitor } = parts
  const instruments = makeInstruments(parts.meter, ALERT_METRICS)
  const book = new AlertBook({ self, clock, logger, instruments })
  const stack = new AsyncDisposableStack()
  const peers = stack.use(new PeerWatch({ ...parts, book }))
  const clocks = stack.use(new ClockWatch({ self, book, monitor, maxMs: config.clockSkewMaxMs }))
  const identities = stack.use(new IdentityWatch({ self, book, monitor, clock }))
  const pinsets = new PinsetWatch({ ...parts, book, afterMs: config.pinsetDiffersAfterMs })
  const { ipfsDownAfterMs, diskFreeMinBytes, certificateWarningMs } = config
  const own = new OwnWatch({ ...parts, book, ipfsDownAfterMs, diskFreeMinBytes })
  const stores = new StoreWatch({ ...parts, book })
  const files = parts.certificateFiles
  const certificates = new CertificateWatch({ book, clock, files, warningMs: certificateWarningMs })
  const onError = (thrown: unknown) =>
    logger.error('alerts could not be looked for', { reason: messageOf(thrown) })
  stack.use(
    repeat({ clock, everyMs: config.checkIntervalMs, isEager: true, onError }, async signal => {
      peers.check()
      clocks.check()
      identities.check()
      pinsets.check()
      stores.check()
      await Promise.all([own.check(signal), certificates.check(signal)])
    }),
  )
  return {
    raise: (kind, subject, message, options) => book.raise(kind, subject, message, options),
    clear: (kind, subject) => book.clear(kind, subject),
    list: () => book.list(),
    onAlert: listener => book.onAlert(listener),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
