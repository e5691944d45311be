import type { CareJson, PeerContentJson, PeerStateJson } from '../model/peer-care-json.ts'
import type { RebalancePlanJson, RebalanceStatusJson } from '../model/rebalance-json.ts'
import type { ReplicationJson } from '../model/replication-report-json.ts'
import { ZERO_TIME } from '../model/time-json.ts'
import { formatBytes } from './format-units.ts'

/** What is not as usual with a peer: its condition, and what operators have said of it. Empty for most. */
export function formatCare(care: Partial<CareJson>): readonly string[] {
  const { condition = 'alive', phi = 0, maintenance_until = '' } = care
  return [
    ...(condition === 'alive' ? [] : [`${condition.toUpperCase()} (phi ${phi})`]),
    ...(care.removed === true ? ['REMOVED'] : []),
    ...(care.draining === true ? ['DRAINING'] : care.cordoned === true ? ['CORDONED'] : []),
    ...(maintenance_until === '' ? [] : [`MAINTENANCE until ${maintenance_until}`]),
  ]
}

/** What is known of a peer in one line. */
export function formatPeerState(state: PeerStateJson): string {
  const { peer, peername, condition, phi, heard_at } = state
  const said = formatCare({ ...state, condition: 'alive' })
  const heard = heard_at === ZERO_TIME ? 'never heard of' : `Heard: ${heard_at}`
  return [
    peer,
    peername,
    `${condition} (phi ${phi})`,
    heard,
    ...said,
    ...(state.trusted ? [] : ['not trusted']),
  ].join(' | ')
}

/** How far a peer is from being empty, in one line. */
export function formatLeft(content: PeerContentJson): string {
  const { peer, peername, allocated, hand_over, unplaced, no_room } = content
  const who = peername === '' ? peer : peername
  const held = hand_over === null ? 'unknown' : String(hand_over)
  const stuck = unplaced === null || unplaced === 0 ? '' : ` | Nobody else can take: ${unplaced}`
  const full = no_room.map(each => `${each.peername || each.peer} (${each.pins})`).join(', ')
  const roomless = full === '' ? '' : ` | Waits for room on: ${full}`
  return `${who} | Allocated: ${allocated} | Held for hand-over: ${held}${roomless}${stuck}`
}

/** What a peer keeps, and whether it can be switched off. */
export function formatContent(content: PeerContentJson): string {
  const { everywhere, empty, unplaced_first } = content
  const what = formatCare(content)
  return [
    [formatLeft(content), ...(everywhere === 0 ? [] : [`On every peer: ${everywhere}`]), ...what].join(' | '),
    ...unplaced_first.map(({ cid, reason }) => `  > ${cid}: ${reason}`),
    ...(empty ? ['  > It is empty: it can be switched off.'] : []),
  ].join('\n')
}

/** What a rebalance would do: a line for all, and one for each peer. */
export function formatPlan(plan: RebalancePlanJson): string {
  const percent = (part: number) => `${(part * 100).toFixed(1)} %`
  const about = (bytes: number | null) => (bytes === null ? 'unknown size' : `about ${formatBytes(bytes)}`)
  const head =
    plan.copies === 0
      ? `Nothing to move. Spread: ${percent(plan.spread_before)}`
      : `Pins to move: ${plan.pins} (${plan.copies} copies, ${about(plan.bytes_about)}) | Spread: ${percent(plan.spread_before)} now, ${percent(plan.spread_after)} then`
  return [
    plan.refused === 0 ? head : `${head} | Refused by policies: ${plan.refused}`,
    ...plan.peers.map(peer => {
      const who = (peer.peername === '' ? peer.peer : peer.peername).padEnd(20)
      const moved = [
        ...(peer.pins_in === 0 ? [] : [`in ${peer.pins_in}, ${about(peer.bytes_in_about)}`]),
        ...(peer.pins_out === 0 ? [] : [`out ${peer.pins_out}, ${about(peer.bytes_out_about)}`]),
      ]
      const change = moved.length === 0 ? 'stays as it is' : moved.join(' | ')
      return `  > ${who} : ${peer.pins_before} -> ${peer.pins_after} pins | ${change}`
    }),
  ].join('\n')
}

/** How far a rebalance has come, in one line. */
export function formatRebalance(status: RebalanceStatusJson): string {
  const { peer, state, copies_planned, copies_moved, pins_per_second, refused, reason } = status
  return [
    `${peer} | ${state.toUpperCase()}`,
    `Moved: ${copies_moved} of ${copies_planned} copies`,
    `${pins_per_second} pins/s`,
    ...(refused === 0 ? [] : [`Refused by policies: ${refused}`]),
    ...(reason === '' ? [] : [reason]),
  ].join(' | ')
}

/** How many pins have how many copies: a line for all, one for each peer, one for each CID that was looked for. */
export function formatReplication(report: ReplicationJson): string {
  const how = report.checked ? 'copies that peers say they have' : 'copies allocated to live peers'
  const held =
    report.held === 0
      ? []
      : [
          `  > ${report.held} of them with a copy that a peer holds only until those have it that are to keep it`,
        ]
  return [
    `Pins: ${report.pins} | no copy: ${report.none} | under the minimum: ${report.under} | under the maximum: ${report.partial} | all: ${report.full} (${how})`,
    ...held,
    ...report.peers.map(({ peer, peername, live, allocated, sole }) => {
      const who = (peername === '' ? peer : peername).padEnd(20)
      const alone = sole === 0 ? '' : ` | the only live copy of: ${sole}`
      return `  > ${who} : ${live ? '' : 'NOT LIVE | '}Allocated: ${allocated}${alone}`
    }),
    ...report.cids.map(
      ({ cid, name, state, copies, held: heldOnly, wanted_min, wanted_max, allocations }) => {
        const peers = allocations.length === 0 ? 'everywhere' : allocations.join(' ')
        return `${cid} | ${name} | ${state.toUpperCase()} | Copies: ${copies}${heldOnly === 0 ? '' : ` (${heldOnly} held for hand-over)`} of ${wanted_min}--${wanted_max} | Allocations: [${peers}]`
      },
    ),
  ].join('\n')
}
