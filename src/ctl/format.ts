import type { ReplyOf, Routes } from '../api/routes.ts'
import type { AddedJson } from '../model/add-json.ts'
import type { AlertJson } from '../model/alert-json.ts'
import type { GlobalRepoGcJson } from '../model/graph-json.ts'
import type { MetricJson } from '../model/metric-json.ts'
import type { PeerJson } from '../model/peer-json.ts'
import type { PinJson } from '../model/pin-json.ts'
import type { GlobalPinInfoJson, PeerPinInfoJson } from '../model/status-json.ts'
import { parseTime, ZERO_TIME } from '../model/time-json.ts'
import { formatCare } from './format-care.ts'
import { formatBytes, formatRelative } from './format-units.ts'

/** Every text ends without a line feed, which the output adds; '' is no output at all. */

const sortedKeys = (object: object): readonly string[] => Object.keys(object).sort()

/** What a peer says of itself, in several lines; one line for a peer that did not answer. */
export function formatPeer(peer: PeerJson): string {
  if (peer.error !== '') {
    const said = formatCare({ ...peer, condition: 'alive' })
    return [`${peer.id} | ERROR: ${peer.error}`, ...said].join(' | ')
  }
  const others = (peer.cluster_peers ?? []).length - 1
  const addresses = (list: readonly string[] | null) => [...(list ?? [])].sort().map(text => `    - ${text}`)
  const ipfs =
    peer.ipfs.error === ''
      ? [`  > IPFS: ${peer.ipfs.id ?? ''}`, ...addresses(peer.ipfs.addresses)]
      : [`  > IPFS ERROR: ${peer.ipfs.error}`]
  return [
    [`${peer.id} | ${peer.peername} | Sees ${others} other peers`, ...formatCare(peer)].join(' | '),
    '  > Addresses:',
    ...addresses(peer.addresses),
    ...ipfs,
  ].join('\n')
}

/** The state of one CID, a line for each peer. */
export function formatStatus(info: GlobalPinInfoJson): string {
  const head = info.name === '' ? `${info.cid}:` : `${info.cid} | ${info.name}:`
  const peers = sortedKeys(info.peer_map).map(id => formatPeerStatus(id, info.peer_map[id]))
  return [head, ...peers].join('\n')
}

function formatPeerStatus(id: string, state: PeerPinInfoJson | undefined): string {
  if (state === undefined) return ''
  const who = (state.peername === '' ? id : state.peername).padEnd(20)
  const error = state.error === '' ? '' : `: ${state.error}`
  const what = `${state.status.toUpperCase()}${error} | ${state.timestamp}`
  return `    > ${who} : ${what} | Attempts: ${state.attempt_count} | Priority: ${state.priority_pin}`
}

/** An entry of the pinset in one line. */
export function formatPin(pin: PinJson): string {
  const isEverywhere = pin.replication_factor_min === -1 && pin.replication_factor_max === -1
  const factor = isEverywhere ? '-1' : `${pin.replication_factor_min}--${pin.replication_factor_max}`
  const peers = isEverywhere ? 'everywhere' : [...(pin.allocations ?? [])].sort().join(' ')
  const depth = pin.max_depth
  return [
    pin.cid,
    pin.name,
    `${pin.type.toUpperCase()}${pin.mode === 'direct' ? '-DIRECT' : ''}`,
    `Repl. Factor: ${factor}`,
    `Allocations: [${peers}]`,
    depth < 0 ? 'Recursive' : depth === 0 ? 'Direct' : `Recursive-${depth}`,
    `Metadata: ${Object.keys(pin.metadata ?? {}).length > 0 ? 'yes' : 'no'}`,
    `Exp: ${formatMoment(pin.expire_at) ?? '∞'}`,
    `Added: ${formatMoment(pin.timestamp) ?? 'unknown'}`,
  ].join(' | ')
}

/** Date and time of day as the wire has them, in its own zone. */
function formatMoment(time: string): string | undefined {
  return time === '' || time === ZERO_TIME ? undefined : `${time.slice(0, 10)} ${time.slice(11, 19)}`
}

/** A metric in one line. Free space is shown in units that people read. */
export function formatMetric(metric: MetricJson, nowMs: number): string {
  const isSpace = metric.name === 'freespace' && metric.weight > 0
  const value = isSpace ? formatBytes(Number(metric.weight)) : metric.value
  const expires = formatRelative(toMilliseconds(metric.expire), nowMs)
  return `${metric.peer} | ${metric.name}: ${value} | Expires in: ${expires}`
}

/** An alert in one line. */
export function formatAlert(alert: AlertJson, nowMs: number): string {
  const expired = formatRelative(toMilliseconds(alert.expire), nowMs)
  const triggeredMs = alert.triggered_at === '' ? undefined : parseTime(alert.triggered_at)
  const triggered = formatRelative(triggeredMs ?? Number.NEGATIVE_INFINITY, nowMs)
  const line = `${alert.peer}: ${alert.name}. Expired at: ${expired}. Triggered at: ${triggered}`
  // Daemons of IPFS Cluster say no more than that.
  if (alert.kind === undefined) return line
  const clearedMs = alert.cleared_at === undefined ? undefined : parseTime(alert.cleared_at)
  const cleared = clearedMs === undefined ? '' : `. Cleared: ${formatRelative(clearedMs, nowMs)}`
  return `${line}${cleared}\n  ${(alert.severity ?? '').toUpperCase()} ${alert.kind}: ${alert.message ?? ''}`
}

function toMilliseconds(nanoseconds: number | bigint): number {
  return typeof nanoseconds === 'bigint' ? Number(nanoseconds / 1000n) / 1000 : nanoseconds / 1e6
}

/** Traffic, a line for each protocol. */
export function formatBandwidth(traffic: ReplyOf<Routes['bandwidth']>): string {
  const size = (bytes: number) => formatBytes(bytes).padStart(7)
  const rate = (bytes: number) => `${bytes.toFixed(2)}B/s`
  const lines = sortedKeys(traffic).map(protocol => {
    const row = traffic[protocol] ?? { total_in: 0, total_out: 0, rate_in: 0, rate_out: 0 }
    const total = `In: ${size(row.total_in)}. Out: ${size(row.total_out)}`
    return `${protocol.padStart(25)}: ${total}. RateIn: ${rate(row.rate_in)}. RateOut: ${rate(row.rate_out)}`
  })
  return lines.join('\n')
}

/** What garbage collection removed, by peer. */
export function formatGc(gc: GlobalRepoGcJson): string {
  const lines = sortedKeys(gc.peer_map).flatMap(id => {
    const result = gc.peer_map[id]
    const who = (result?.peername === '' ? id : (result?.peername ?? id)).padEnd(15)
    const error = result?.error ?? ''
    const keys = (result?.keys ?? []).map(item => {
      const failure = item.error ?? ''
      return `    - ${failure === '' ? (item.key ?? '') : `ERROR: ${failure}`}`
    })
    return [error === '' ? who : `${who} | ERROR: ${error}`, '  > CIDs:', ...keys]
  })
  return lines.join('\n')
}

/** Something that was added. */
export function formatAdded(added: AddedJson): string {
  return `added ${added.cid ?? ''} ${added.name}`
}
