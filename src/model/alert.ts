import type { Metric } from './metric.ts'
import type { PeerId } from './peer.ts'

/** How urgent an alert is: something that may become a problem, one that needs somebody soon, one that needs somebody now. */
export const ALERT_SEVERITIES = ['info', 'warning', 'critical'] as const
export type AlertSeverity = (typeof ALERT_SEVERITIES)[number]

interface AlertRow {
  readonly severity: AlertSeverity
  /** What the subject is: a peer's id, or something of this peer, such as its own id or a file. */
  readonly about: 'peer' | 'self'
  readonly says: string
}

/** What alerts can be about: the table that the API, the metrics and the guide go by. */
export const ALERTS = {
  'peer-unreachable': { severity: 'warning', about: 'peer', says: 'no heartbeat comes from a peer any more' },
  'peer-gone': {
    severity: 'critical',
    about: 'peer',
    says: 'a peer is silent for so long that its content may be moved',
  },
  'metric-expired': {
    severity: 'warning',
    about: 'peer',
    says: 'a living peer no longer tells what it used to measure',
  },
  'clock-skew': { severity: 'warning', about: 'peer', says: 'the clock of a peer, or our own, is wrong' },
  'identity-copied': {
    severity: 'critical',
    about: 'peer',
    says: 'two daemons run with the same identity',
  },
  'pinset-diverging': {
    severity: 'warning',
    about: 'peer',
    says: 'a connected peer has another pinset for long',
  },
  'partition-guard': {
    severity: 'critical',
    about: 'self',
    says: 'so many peers are gone at once that nothing is moved by itself',
  },
  'under-replicated': {
    severity: 'warning',
    about: 'self',
    says: 'pins have fewer copies than they should, and nothing is being done about it',
  },
  'no-room': {
    severity: 'warning',
    about: 'self',
    says: 'pins find no room on a peer that is to keep them, and no other peer can take them',
  },
  'store-full': {
    severity: 'warning',
    about: 'peer',
    says: 'the IPFS node of a peer has no room left, and gets nothing new',
  },
  'read-only': { severity: 'critical', about: 'self', says: 'the own disk takes no writes' },
  'disk-nearly-full': {
    severity: 'warning',
    about: 'self',
    says: 'the disk with the own pinset is nearly full',
  },
  'ipfs-down': { severity: 'critical', about: 'self', says: 'the own IPFS node does not answer' },
  'certificate-expiring': {
    severity: 'warning',
    about: 'self',
    says: 'a certificate of the API expires soon',
  },
  'certificate-expired': {
    severity: 'critical',
    about: 'self',
    says: 'a certificate of the API has expired, or cannot be read',
  },
} as const satisfies Readonly<Record<string, AlertRow>>

/** What an alert is about. */
export type AlertKind = keyof typeof ALERTS

/** Every kind, in the order of the table. */
export const ALERT_KINDS: readonly AlertKind[] = Object.keys(ALERTS) as AlertKind[]

/** Something that somebody should know of, from when it was raised until it was cleared. */
export interface ClusterAlert {
  readonly kind: AlertKind
  /** What it was before it became worse: the same alert under another kind; undefined = nothing else. */
  readonly was?: AlertKind | undefined
  /** With the kind, what the alert is raised once for. */
  readonly subject: string
  /** The peer that it is about; for things of this peer, this one. */
  readonly peer: PeerId
  readonly severity: AlertSeverity
  /** What is wrong, and what to do. */
  readonly message: string
  /** The metric that ran out, where that is how it was noticed. */
  readonly metric: Metric | undefined
  readonly triggeredAtMs: number
  /** Unix milliseconds; undefined = it still holds. */
  readonly clearedAtMs: number | undefined
}
