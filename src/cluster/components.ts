import type { Meter, Tracer } from '@opentelemetry/api'
import type {
  Alerts,
  Allocate,
  Consensus,
  ImportContent,
  Ipfs,
  Logger,
  Monitor,
  Network,
  PeerMarks,
  PinTracker,
  Rpc,
} from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import type { ExplainAllocation } from '../model/allocation-request.ts'
import type { EventFeed } from '../model/cluster-event.ts'
import type { PeerId } from '../model/peer.ts'
import type { RebalanceStatus } from '../model/rebalance.ts'

/** What a peer needs to answer for itself. */
export interface LocalComponents {
  readonly self: PeerId
  /** Version of the program, and the protocol id of its procedures. */
  readonly version: string
  readonly rpcProtocolVersion: string
  readonly peername: string
  readonly tracker: Pick<
    PinTracker,
    | 'status'
    | 'statuses'
    | 'holds'
    | 'handOverCount'
    | 'noRoom'
    | 'recover'
    | 'recoverAll'
    | 'summary'
    | 'why'
  >
  readonly consensus: Pick<Consensus, 'isTrusted' | 'pins' | 'state'>
  readonly monitor: Pick<Monitor, 'health' | 'peers'>
  readonly network: Pick<Network, 'addresses' | 'addressesOf' | 'latencyMs' | 'peers'>
  readonly ipfs: Pick<Ipfs, 'id' | 'gc' | 'putBlocks' | 'repoStat' | 'swarmPeers'>
  readonly clock: Clock
  /** How far the rebalance of this peer has come, after it was stopped if that is asked. Absent = it does none. */
  readonly rebalance?: (action: 'status' | 'stop') => Promise<RebalanceStatus>
}

/** What the core of a peer is joined from. */
export interface ClusterComponents
  extends Omit<LocalComponents, 'monitor' | 'ipfs' | 'peername' | 'rebalance'> {
  readonly consensus: Consensus
  readonly monitor: Pick<
    Monitor,
    'peers' | 'health' | 'onHealth' | 'hello' | 'metricNames' | 'latest' | 'onMetric' | 'expect' | 'beat'
  >
  readonly ipfs: Pick<
    Ipfs,
    'id' | 'gc' | 'putBlocks' | 'repoStat' | 'swarmPeers' | 'swarmConnect' | 'resolve' | 'getBlock'
  >
  /** What operators have said of peers. */
  readonly marks: PeerMarks
  readonly rpc: Pick<Rpc, 'call'>
  readonly alerts: Pick<Alerts, 'raise' | 'clear' | 'list'>
  readonly events: EventFeed
  readonly allocate: Allocate
  readonly explainAllocation: ExplainAllocation
  readonly importContent: ImportContent
  readonly logger: Logger
  readonly meter: Meter
  readonly tracer: Tracer
}
