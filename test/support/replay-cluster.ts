import { ClusterError } from '../../src/errors.ts'
import type { Cluster } from '../../src/interfaces.ts'
import { parseJson } from '../../src/lib/json.ts'
import type { AddEntry, AddedOutput } from '../../src/model/add.ts'
import type { AddedJson } from '../../src/model/add-json.ts'
import type { ClusterAlert } from '../../src/model/alert.ts'
import type { AlertJson } from '../../src/model/alert-json.ts'
import { parseCid } from '../../src/model/cid.ts'
import type { ConnectGraph, RepoGc } from '../../src/model/graph.ts'
import type { ConnectGraphJson, GlobalRepoGcJson } from '../../src/model/graph-json.ts'
import type { Metric } from '../../src/model/metric.ts'
import type { MetricJson } from '../../src/model/metric-json.ts'
import type { PeerInfo } from '../../src/model/peer.ts'
import type { PeerJson } from '../../src/model/peer-json.ts'
import { toPin } from '../../src/model/pin.ts'
import { type PinJson, parsePinJson } from '../../src/model/pin-json.ts'
import type { GlobalPinInfo, PeerPinInfo } from '../../src/model/pin-status.ts'
import type { GlobalPinInfoJson } from '../../src/model/status-json.ts'
import { parseTime } from '../../src/model/time-json.ts'
import { stubCluster } from './stub-cluster.ts'

/** An answer that was recorded: status, body and the message of its trailer. */
export interface RecordedAnswer {
  readonly status: number
  readonly body: string
  readonly streamError: string
}

/** A cluster that says exactly what the recorded answer tells, in model values. */
export function replayCluster(answer: RecordedAnswer): Cluster {
  const documents = () => {
    const [first] = answer.body.split('\n')
    if (answer.status >= 400) {
      const { message } = JSON.parse(first ?? '') as { readonly message: string }
      throw new ClusterError(answer.status === 404 ? 'NOT_FOUND' : 'REFUSED', message)
    }
    return answer.body
      .split('\n')
      .filter(line => line !== '')
      .map(line => parseJson(line))
  }
  const one = () => documents()[0]
  async function* stream<Item>(convert: (json: never) => Item): AsyncIterable<Item> {
    for (const document of documents()) yield convert(document as never)
    if (answer.streamError !== '') throw new ClusterError('REFUSED', answer.streamError)
  }
  const pin = async () => toRecordedPin(one() as PinJson)
  const status = async () => toStatus(one() as GlobalPinInfoJson)
  return stubCluster({
    version: '1.1.6',
    id: async () => toPeer(one() as PeerJson),
    addPeer: async () => toPeer(one() as PeerJson),
    peers: () => stream(toPeer),
    care: { ...stubCluster({}).care, remove: async () => void one() },
    pin,
    pinPath: pin,
    unpin: pin,
    unpinPath: pin,
    allocation: pin,
    allocations: () => stream(toRecordedPin),
    status: async cid => {
      const of = documents().find(document => (document as GlobalPinInfoJson).cid === cid.toString())
      return toStatus((of ?? one()) as GlobalPinInfoJson)
    },
    recover: status,
    statuses: () => stream(toStatus),
    recoverAll: () => stream(toStatus),
    graph: async () => toGraph(one() as ConnectGraphJson),
    alerts: () => (one() as readonly AlertJson[]).map(toAlert),
    metrics: () => (one() as readonly MetricJson[]).map(toMetric),
    metricNames: () => one() as readonly string[],
    async *gc() {
      const byPeer = (one() as GlobalRepoGcJson).peer_map
      for (const result of Object.values(byPeer)) yield toGc(result)
    },
    async *add(entries) {
      await readAll(entries)
      const isArray = answer.body.startsWith('[')
      if (isArray) yield* ((one() as readonly AddedJson[] | null) ?? []).map(toAdded)
      else yield* stream(toAdded)
    },
  })
}

async function readAll(entries: AsyncIterable<AddEntry>): Promise<void> {
  for await (const entry of entries) {
    if (entry.kind === 'file') for await (const _chunk of entry.content) continue
  }
}

function toRecordedPin(json: PinJson) {
  return { ...parsePinJson(json), mode: json.mode, userAllocations: json.user_allocations ?? [] }
}

function toPeer(json: PeerJson): PeerInfo {
  return {
    id: json.id,
    addresses: json.addresses ?? [],
    clusterPeers: json.cluster_peers ?? [],
    clusterPeersAddresses: json.cluster_peers_addresses ?? [],
    version: json.version,
    rpcProtocolVersion: json.rpc_protocol_version,
    error: json.error,
    ipfs: { id: json.ipfs.id, addresses: json.ipfs.addresses ?? [], error: json.ipfs.error },
    peername: json.peername,
  }
}

function toStatus(json: GlobalPinInfoJson): GlobalPinInfo {
  const cid = parseCid(json.cid)
  const { name, allocations, origins, metadata } = json
  const peers = Object.entries(json.peer_map).map(([peer, info]): readonly [string, PeerPinInfo] => [
    peer,
    {
      peername: info.peername,
      ipfsPeerId: info.ipfs_peer_id,
      ipfsPeerAddresses: info.ipfs_peer_addresses ?? [],
      status: info.status,
      timestampMs: parseTime(info.timestamp) ?? 0,
      error: info.error,
      attemptCount: info.attempt_count,
      isPriority: info.priority_pin,
    },
  ])
  const pin =
    origins === null
      ? undefined
      : toPin(cid, { name, allocations: allocations ?? [], origins, metadata: metadata ?? {} })
  return { cid, pin, createdMs: parseTime(json.created) ?? 0, peers: new Map(peers) }
}

function toGraph(json: ConnectGraphJson): ConnectGraph {
  const links = (record: ConnectGraphJson['ipfs_links']) =>
    new Map(Object.entries(record).map(([peer, linked]) => [peer, linked ?? []]))
  return {
    self: json.cluster_id,
    peernames: new Map(Object.entries(json.id_to_peername)),
    clusterLinks: links(json.cluster_links),
    trusted: new Map(Object.entries(json.cluster_trust_links)),
    clusterToIpfs: new Map(Object.entries(json.cluster_to_ipfs)),
    ipfsLinks: links(json.ipfs_links),
    health: new Map(),
    failures: new Map(),
    sights: new Map(),
  }
}

function toMs(nanoseconds: number | bigint): number {
  return Number(BigInt(nanoseconds) / 1_000_000n)
}

function toMetric(json: MetricJson): Metric {
  return {
    name: json.name,
    peer: json.peer,
    value: json.value,
    weight: Number(json.weight),
    isPartitionable: json.partitionable,
    isValid: json.valid,
    ttlMs: 0,
    receivedAtMs: toMs(json.received_at),
    expireAtMs: toMs(json.expire),
  }
}

/** The reference's alerts say nothing but which metric ran out. */
function toAlert(json: AlertJson): ClusterAlert {
  return {
    kind: json.name === 'ping' ? 'peer-unreachable' : 'metric-expired',
    subject: json.peer,
    peer: json.peer,
    severity: 'warning',
    message: '',
    metric: toMetric(json),
    triggeredAtMs: parseTime(json.triggered_at) ?? 0,
    clearedAtMs: undefined,
  }
}

function toAdded(json: AddedJson): AddedOutput {
  const { name, cid, bytes, size, allocations } = json
  return {
    name,
    cid: cid === null ? undefined : parseCid(cid),
    ...(bytes === undefined ? {} : { bytes }),
    ...(size === undefined ? {} : { size }),
    ...(allocations === undefined ? {} : { allocations }),
  }
}

function toGc(json: GlobalRepoGcJson['peer_map'][string]): RepoGc {
  return {
    peer: json.peer,
    peername: json.peername,
    keys: json.keys.map(({ key, error }) => ({
      ...(key === null ? {} : { cid: parseCid(key) }),
      ...(error === undefined ? {} : { error }),
    })),
    error: json.error ?? '',
  }
}
