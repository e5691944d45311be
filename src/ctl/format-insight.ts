import type { EventJson } from '../model/event-json.ts'
import type { SummaryJson } from '../model/summary-json.ts'
import type { PeerWhyJson, WhyJson } from '../model/why-json.ts'

const sortedKeys = (object: object): readonly string[] => Object.keys(object).sort()
const counts = (of: Readonly<Record<string, number>>) =>
  Object.entries(of)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none'

/** Counts of the cluster, and a line or two for each peer. */
export function formatSummary(summary: SummaryJson): string {
  const peers = sortedKeys(summary.peers).flatMap(id => {
    const peer = summary.peers[id]
    if (peer === undefined) return []
    const who = peer.peername === '' ? id : peer.peername
    if (peer.error !== '') return [`  > ${who} | ERROR: ${peer.error}`]
    return [
      `  > ${who} | Pins: ${peer.pins} | ${counts(peer.statuses)}`,
      ...(Object.keys(peer.reasons).length === 0 ? [] : [`    Failures: ${counts(peer.reasons)}`]),
      ...(peer.ipfs_error === '' ? [] : [`    IPFS ERROR: ${peer.ipfs_error}`]),
    ]
  })
  return [
    `Pins: ${summary.pins} | States: ${counts(summary.statuses)}`,
    `Failures: ${counts(summary.reasons)} | Given up: ${summary.given_up}`,
    ...peers,
  ].join('\n')
}

/** What every peer wants, has and tried, and what to do. */
export function formatWhy(why: WhyJson): string {
  const { replication_factor_min: min, replication_factor_max: max } = why
  const isEverywhere = min === -1 && max === -1
  const where = isEverywhere ? 'everywhere' : `on ${why.allocations.length} peers (${min} to ${max})`
  const head = why.in_pinset ? `in the pinset, to be kept ${where}` : 'not in the pinset'
  const peers = sortedKeys(why.peers).flatMap(id => formatPeerWhy(id, why.peers[id]))
  const roomless = why.no_room === '' ? [] : [`    no room where it is to be: ${why.no_room}`]
  return [`${why.cid}${why.name === '' ? '' : ` | ${why.name}`}: ${head}`, ...roomless, ...peers].join('\n')
}

function formatPeerWhy(id: string, peer: PeerWhyJson | undefined): readonly string[] {
  if (peer === undefined) return []
  const who = peer.peername === '' ? id : peer.peername
  const line = (label: string, text: string) => (text === '' ? [] : [`      ${label}: ${text}`])
  const next = peer.next_attempt === undefined ? '' : `, next at ${peer.next_attempt}`
  const blocks = peer.blocks === undefined ? '' : `, ${peer.blocks.toLocaleString('en')} blocks so far`
  const tried =
    peer.attempts === 0
      ? ''
      : `${peer.attempts === 1 ? 'once' : `${peer.attempts} times`}${peer.given_up ? ', given up' : next}`
  return [
    `    > ${who} : ${peer.status.toUpperCase()}${peer.since === undefined ? '' : ` since ${peer.since}`}`,
    `      wants: ${peer.wants} | has: ${peer.has}${blocks}`,
    ...line('tried', tried),
    ...line(
      'failed',
      peer.error === '' ? '' : `${peer.error}${peer.reason === '' ? '' : ` [${peer.reason}]`}`,
    ),
    ...line('failed last', peer.error === '' ? lastFailure(peer) : ''),
    ...line('IPFS', peer.ipfs_error),
    ...line('to do', peer.advice),
  ]
}

/** Of an attempt that failed before the one that is under way. */
function lastFailure({
  last_error: error = '',
  last_reason: reason = '',
  last_failed: at = '',
}: PeerWhyJson) {
  return error === '' ? '' : `${error} [${reason}] at ${at}`
}

/** An event in one line; '' for a sign of life. */
export function formatEvent(event: EventJson): string {
  const { kind, time, cid = '', name = '', change = '' } = event
  const head = `${time} ${kind.padEnd(6)}`
  switch (kind) {
    case 'pin':
      return `${head} ${change.padEnd(8)} ${cid}${name === '' ? '' : ` | ${name}`}`
    case 'status': {
      const why = event.error === undefined ? '' : `: ${event.error}`
      return `${head} ${(event.status ?? '').toUpperCase()} ${cid}${why}`
    }
    case 'peer':
      return `${head} ${change.padEnd(8)} ${event.peer ?? ''} | ${event.peername ?? ''}`
    case 'alert':
      return `${head} ${change.padEnd(8)} ${event.alert?.kind ?? ''}: ${event.alert?.message ?? ''}`
    case 'reset':
      return `${head} events were missed: list anew what matters`
    default:
      return ''
  }
}
