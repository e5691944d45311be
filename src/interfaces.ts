/**
 * The architecture on one page: what each part of a peer promises to the others. Types only.
 * Parts never import each other; they meet in `daemon.ts`. Every `open…(components, config)` returns one of these
 * roles, already running; disposing it ends its work and waits for what is under way.
 */
import type { AddEntry, AddedOutput, AddParams } from './model/add.ts'
import type { AlertKind, AlertSeverity, ClusterAlert } from './model/alert.ts'
import type { AllocationExplanation, AllocationRequest } from './model/allocation-request.ts'
import type { Block, PinProgress } from './model/block.ts'
import type { BulkLines, BulkResult, ImportChanges, WantedPin } from './model/bulk.ts'
import type { Cid } from './model/cid.ts'
import type { EventFeed } from './model/cluster-event.ts'
import type { ConnectGraph, PeerSight, RepoGc, RepoStat } from './model/graph.ts'
import type { KeyRange, StoreWrite } from './model/key-range.ts'
import type { Alert, Measure, Metric } from './model/metric.ts'
import type { NoRoom } from './model/no-room.ts'
import type { IpfsId, PeerHello, PeerId, PeerInfo } from './model/peer.ts'
import type { OwnLeft, PeerCare } from './model/peer-care.ts'
import type { PeerHealth } from './model/peer-health.ts'
import type { PeerMarks } from './model/peer-mark.ts'
import type { Pin, PinMode, PinOptions } from './model/pin.ts'
import type { PinRange } from './model/pin-range.ts'
import type { PinRequest, Requester, RequestFilter, RequestList, WantedRequest } from './model/pin-request.ts'
import type { GlobalPinInfo, PinInfo, PinStatusFilter, StatusChange } from './model/pin-status.ts'
import type { PeerPinSummary, PinSummary } from './model/pin-summary.ts'
import type { GlobalWhy, PinWhy } from './model/pin-why.ts'
import type { PeerPinset, PinsetState, TrustState } from './model/pinset-state.ts'
import type { Rebalancer, RebalanceStatus } from './model/rebalance.ts'
import type { Recovering } from './model/recover-filter.ts'
import type { Replacing } from './model/replacing.ts'
import type { ReplicationQuestion, ReplicationReport } from './model/replication-report.ts'
import type { Ranged } from './model/status-range.ts'

/** Goes last into every call that waits: an aborted signal ends the call with `signal.reason`. */
export interface Options {
  readonly signal: AbortSignal
}

/** Fields that go along with a log line. */
export type LogFields = Readonly<Record<string, unknown>>

/** A constant sentence and fields. error = someone must act, warn = may become that, info = rare, debug = per request. */
export interface Logger {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  /** A logger whose lines carry the component's name and follow the level set for it. */
  child(component: string): Logger
}

/** An ordered map of bytes on disk. Failures are `STORE_FAILED`, with the cause. */
export interface ByteStore extends AsyncDisposable {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** All or nothing. With `isSynced` the writes survive a power cut when the promise resolves. */
  batch(writes: readonly StoreWrite[], options: { readonly isSynced: boolean }): Promise<void>
  /** The entries of a range as they were when the iteration began. */
  entries(range: KeyRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>
  /** The same in pages of some dozens of entries. None is empty. */
  pages(range: KeyRange): AsyncIterable<readonly (readonly [key: Uint8Array, value: Uint8Array])[]>
  keys(range: KeyRange): AsyncIterable<Uint8Array>
  /** Closes and opens again: the way on after a write has failed. What was written before is there. */
  reopen(): Promise<void>
  /** Bytes on disk between two keys, about. */
  sizeBytes(from: Uint8Array, to: Uint8Array): Promise<number>
}

/** Answers a request stream: messages in, messages out. What it throws resets the stream. */
export type StreamHandler = (
  input: AsyncIterable<Uint8Array>,
  from: PeerId,
  options: Options,
) => AsyncIterable<Uint8Array>

/** Other peers. Best-effort messages, and request streams; who sent is authenticated, whether trusted is not. */
export interface Network extends AsyncDisposable {
  readonly self: PeerId
  /** Own addresses, each ending in `/p2p/<self>`. */
  addresses(): readonly string[]
  /** Peers with an open connection, without self. */
  peers(): readonly PeerId[]
  /** Known addresses of a peer, each ending in `/p2p/<peer>`. */
  addressesOf(peer: PeerId): Promise<readonly string[]>
  /** Round-trip time of the last ping to a connected peer, milliseconds. */
  latencyMs(peer: PeerId): number | undefined
  /** Dials a multiaddr that ends in `/p2p/<peer>`; answers with the peer. */
  connect(address: string, options: Options): Promise<PeerId>
  /** Told whenever a first connection to a peer opens or its last one closes. */
  onPeer(listener: (event: { readonly peer: PeerId; readonly isConnected: boolean }) => void): Disposable
  /** Sends to every subscriber of the topic that it reaches; nothing may depend on delivery. */
  publish(topic: string, bytes: Uint8Array): Promise<void>
  /** `from` is the signed author of the message, not the peer that relayed it. */
  subscribe(topic: string, listener: (bytes: Uint8Array, from: PeerId) => void): Disposable
  /** Messages (each at most 4 MiB) to a peer and back. Dials when needed. `PEER_UNREACHABLE` when it fails. */
  request(
    to: PeerId,
    protocol: string,
    input: AsyncIterable<Uint8Array>,
    options: Options,
  ): AsyncIterable<Uint8Array>
  /** Answers requests of a protocol until disposed. */
  serve(protocol: string, handler: StreamHandler): Disposable
}

/** What to do besides pinning. */
export interface IpfsPinOptions extends Options {
  /** Called whenever the count of blocks changes. */
  readonly onProgress?: (progress: PinProgress) => void
  /** Nodes to connect to first, since they have the content. */
  readonly origins?: readonly string[]
  /** A pinned CID whose blocks the new one mostly shares. */
  readonly update?: Cid
}

/** The IPFS node beside this peer. Errors: `IPFS_UNAVAILABLE` (no answer), `IPFS_FULL` (no room), `IPFS_REFUSED` (its own refusal). */
export interface Ipfs extends AsyncDisposable {
  id(options: Options): Promise<IpfsId>
  version(options: Options): Promise<string>
  /** Fetches and keeps the content; resolves when all of it is there. No progress for the stall time-out: `TIMEOUT`. */
  pin(cid: Cid, mode: PinMode, options: IpfsPinOptions): Promise<void>
  /** Lets go of it; done also when it was not pinned. */
  unpin(cid: Cid, options: Options): Promise<void>
  /** How it is pinned; undefined when it is not, or only as part of another pin. */
  pinned(cid: Cid, options: Options): Promise<PinMode | undefined>
  /** Every recursive and direct pin, in no order. Throws when the listing is cut: a short list is never taken for whole. */
  allPinned(options: Options): AsyncIterable<readonly [cid: Cid, mode: PinMode]>
  /** Stores blocks, verified against their names and unpinned. A later `pin` of their root finds them. */
  putBlocks(blocks: AsyncIterable<Block>, options: Options): Promise<void>
  getBlock(cid: Cid, options: Options): Promise<Uint8Array>
  /** The bytes of a file. */
  cat(cid: Cid, options: Options): AsyncIterable<Uint8Array>
  repoStat(options: Options): Promise<RepoStat>
  /** Removes what is not pinned; one result for each block. */
  gc(options: Options): AsyncIterable<{ readonly cid?: Cid; readonly error?: string }>
  /** The CID at `/ipfs/<cid>/a/b` or `/ipns/<name>/a`. */
  resolve(path: string, options: Options): Promise<Cid>
  swarmPeers(options: Options): Promise<readonly PeerId[]>
  swarmConnect(address: string, options: Options): Promise<void>
}

export type { AllocationRequest, Block, KeyRange, PeerHello, PeerMarks, PinProgress, PinRange, StoreWrite }

/** What the cluster agreed to keep. Reads are local, from the view on disk; a write is durable here when it resolves. */
export interface Consensus extends AsyncDisposable {
  /** Adds or replaces entries. `READ_ONLY` when the disk failed, `STORE_FAILED` when it fails now: nothing was written. */
  put(pins: readonly Pin[], options: Options & Replacing): Promise<void>
  /** Removes entries; CIDs without one are passed over. */
  remove(cids: readonly Cid[], options: Options): Promise<void>
  get(cid: Cid): Promise<Pin | undefined>
  getMany(cids: readonly Cid[]): Promise<readonly (Pin | undefined)[]>
  /** The pins of a range as they were when the reading began; comes in pages (`lib/pages.ts`). */
  pins(range: PinRange, options: Options): AsyncIterable<Pin>
  /** How many entries there are. */
  readonly pinsCount: number
  /** Short text, equal on two peers exactly when their whole replicated state is. */
  readonly rootDigest: string
  /** Another peer says what its root digest is: where it differs, the two compare and exchange what is missing. */
  noticeDigest(peer: PeerId, rootDigest: string): void
  /** Whether this peer accepts the other's writes and its calls of trusted procedures. Self is trusted. */
  isTrusted(peer: PeerId): boolean
  /** Changes that for the whole cluster, from now on; what the peer wrote before stays. */
  setTrusted(peer: PeerId, isTrusted: boolean, options: Options): Promise<void>
  readonly state: PinsetState
  /**
   * Says which pins changed, not how: read them again. `hadEntry` tells of each whether it had an entry before; it is absent
   * where that is not known.
   */
  onChange(listener: (cids: readonly Cid[], hadEntry?: readonly boolean[]) => void): Disposable
  /**
   * Takes nothing in any more, neither from others nor what is asked for here (`NOT_READY`). Resolves when what was under way is
   * done and its changes are told: whoever follows them has missed none then. It can be read until it is disposed.
   */
  settle(): Promise<void>
}

/** Makes this peer's IPFS node hold what the pinset says. Has no track(): it watches the pinset itself. */
export interface PinTracker extends AsyncDisposable {
  status(cid: Cid, options: Options): Promise<PinInfo>
  /** The state of every CID that matches, in order of CID bytes. */
  statuses(filter: PinStatusFilter, options: Options & Ranged): AsyncIterable<PinInfo>
  /** Tries again at once what is in error or missing; answers with the state after that. `NOT_FOUND` if not in the pinset. */
  recover(cid: Cid, options: Options): Promise<PinInfo>
  /** The same for every CID in error or missing that the filter lets through; answers with those that were queued. */
  recoverAll(options: Options & Recovering): AsyncIterable<PinInfo>
  /** Counts, in one pass over the pinset. */
  summary(options: Options): Promise<PinSummary>
  /** All that is known of one CID here. */
  why(cid: Cid, options: Options): Promise<PinWhy>
  /** Which CIDs are allocated to this peer and pinned here, in their order: others may let go of theirs for that. */
  holds(cids: readonly Cid[], options: Options): Promise<readonly boolean[]>
  /**
   * How many CIDs are held here though they are allocated to others only, as far as they are known by name; never 0 while
   * there may be some.
   */
  readonly handOverCount: number
  readonly noRoom: NoRoom
  /** Told whenever something begins, ends or fails to be done about a CID here. */
  onStatus(listener: (change: StatusChange) => void): Disposable
  /** Pins that wait for a worker. */
  readonly queueLength: number
  /** CIDs that the IPFS node has pinned, as far as this peer knows; undefined until they are listed for the first time. */
  readonly pinnedCount: number | undefined
}

/** Measures this peer, for the heartbeat. */
export interface Informer {
  readonly name: string
  read(options: Options): Promise<readonly Measure[]>
}

/** Which peers live, and how full they are. Built on signed heartbeats. */
export interface Monitor extends AsyncDisposable {
  /** Peers that are alive or suspect, and self; sorted. */
  peers(): readonly PeerId[]
  /** Every peer that was heard or is missed, self included, also those that are gone; sorted by peer. */
  health(): readonly PeerHealth[]
  /** Told whenever the condition of a peer changes. */
  onHealth(listener: (change: PeerHealth) => void): Disposable
  /** Told of every heartbeat of another peer that is taken: when it was sent by its clock, and when it came by ours. */
  onBeat(
    listener: (beat: {
      readonly peer: PeerId
      readonly sentAtMs: number
      readonly receivedAtMs: number
    }) => void,
  ): Disposable
  /** Told, again and again, of every peer, self included, whose identity another process uses at the same time. */
  onSecondRun(listener: (peer: PeerId) => void): Disposable
  /** What a peer said last, also when its heartbeat has expired. */
  hello(peer: PeerId): PeerHello | undefined
  /** Names of all metrics that were ever received. */
  metricNames(): readonly string[]
  /** Valid, unexpired metrics of that name, one a peer, sorted by peer. */
  latest(name: string): readonly Metric[]
  /** Told of every metric as it arrives. */
  onMetric(listener: (metric: Metric) => void): Disposable
  /** Told of every metric that ran out, once. */
  onAlert(listener: (alert: Alert) => void): Disposable
  /** These should be there: those that were never heard are unreachable and gone after the usual times, from now on. */
  expect(peers: Iterable<PeerId>): void
  /** Measures and sends a heartbeat now, not at the next beat. */
  beat(): Promise<void>
}

/** What somebody should know of. Each kind is raised once for a subject, until it is cleared. */
export interface Alerts extends AsyncDisposable {
  /** While it is raised already, only the message becomes the new one, and nobody is told. */
  raise(
    kind: AlertKind,
    subject: string,
    message: string,
    options?: { readonly severity?: AlertSeverity },
  ): void
  /** It does not hold any more. Nothing happens when it is not raised. */
  clear(kind: AlertKind, subject: string): void
  /** Newest first, at most 1,000: all that hold, and the last of those that were cleared. */
  list(): readonly ClusterAlert[]
  /** Told of every alert as it is raised, becomes another kind, and is cleared. */
  onAlert(listener: (alert: ClusterAlert) => void): Disposable
}

/** Chooses peers. Pure: the same request gives the same answer on every peer. Throws `NOT_ENOUGH_PEERS`, `NO_SPACE`. */
export type Allocate = (request: AllocationRequest) => readonly PeerId[]

/** Turns entries into blocks, handed to `put` in order; yields what was added, the root last. Nothing is held whole. */
export type ImportContent = (
  entries: AsyncIterable<AddEntry>,
  params: AddParams,
  put: (block: Block) => Promise<void>,
  options: Options,
) => AsyncIterable<AddedOutput>

/** Procedures that one peer may call on another: name → input and output. Each answers with a stream of outputs. */
export interface Procedures {
  id: { input: undefined; output: PeerInfo }
  status: { input: { readonly cid: Cid }; output: PinInfo }
  statuses: { input: { readonly filter: PinStatusFilter } & Ranged; output: PinInfo }
  holds: { input: { readonly cids: readonly Cid[] }; output: { readonly held: readonly boolean[] } }
  noRoom: { input: { readonly after: Cid | undefined }; output: { readonly cids: readonly Cid[] } }
  recover: { input: { readonly cid: Cid }; output: PinInfo }
  recoverAll: { input: Recovering | undefined; output: PinInfo }
  summary: { input: undefined; output: PinSummary }
  why: { input: { readonly cid: Cid }; output: PinWhy }
  gc: { input: undefined; output: { readonly cid?: Cid; readonly error?: string } }
  links: {
    input: undefined
    output: {
      readonly cluster: readonly PeerId[]
      readonly ipfs: readonly PeerId[] | undefined
      /** What the peer makes of every other that it ever heard of. */
      readonly seen: readonly PeerSight[]
    }
  }
  pinset: { input: undefined; output: PeerPinset }
  repoStat: { input: undefined; output: RepoStat }
  left: { input: undefined; output: OwnLeft }
  rebalance: { input: { readonly action: 'status' | 'stop' }; output: RebalanceStatus }
  putBlocks: { input: AsyncIterable<Block>; output: { readonly blocks: number } }
}

/** Calls on other peers. An error that the other peer answers with comes back as the same `ClusterError`. */
export interface Rpc extends AsyncDisposable {
  call<Name extends keyof Procedures>(
    to: PeerId,
    name: Name,
    input: Procedures[Name]['input'],
    options: Options,
  ): AsyncIterable<Procedures[Name]['output']>
}

/** What this peer answers to others: name → handler. */
export type RpcHandlers = {
  readonly [Name in keyof Procedures]: (
    input: Procedures[Name]['input'],
    from: PeerId,
    options: Options,
  ) => AsyncIterable<Procedures[Name]['output']>
}

/** Whether to ask every peer or only this one. */
export interface Scope extends Options {
  readonly local: boolean
}

/** What an API can ask of the cluster. */
export interface Cluster {
  id(options: Options): Promise<PeerInfo>
  readonly version: string
  /** Every peer, self included, as they answer; those that fail come last with `error`. */
  peers(options: Options): AsyncIterable<PeerInfo>
  /** Learns about a peer that is reachable, and answers with what it says of itself. */
  addPeer(peer: PeerId, options: Options): Promise<PeerInfo>
  /** How the pinset of this peer is. */
  pinset(): PeerPinset
  /** The same of every peer, as they answer; those that fail come last with `error`. */
  pinsets(options: Options): AsyncIterable<PeerPinset>
  trust(): TrustState
  /** Says for the whole cluster whether a peer is trusted from now on; durable here when it resolves. */
  setTrusted(peer: PeerId, isTrusted: boolean, options: Options): Promise<void>
  readonly care: PeerCare
  readonly rebalance: Rebalancer
  /** How many pins have how many live copies, in one pass over the pinset. */
  replication(question: ReplicationQuestion, options: Options): Promise<ReplicationReport>
  /** Adds to the pinset; durable when it resolves. Pinning again what is pinned the same way writes nothing. */
  pin(cid: Cid, options: PinOptions & Options): Promise<Pin>
  /** The same for a path, resolved through IPFS. */
  pinPath(path: string, options: PinOptions & Options): Promise<Pin>
  /** Takes out of the pinset; answers with the pin as it was. */
  unpin(cid: Cid, options: Options): Promise<Pin>
  unpinPath(path: string, options: Options): Promise<Pin>
  /** Any number of pins: an answer a line in order, each durable when it comes. A failed write ends it. */
  pinMany(lines: BulkLines<WantedPin>, options: Options): AsyncIterable<readonly BulkResult[]>
  unpinMany(lines: BulkLines<Cid>, options: Options): AsyncIterable<readonly BulkResult[]>
  /** Writes entries of an export as they are. */
  importPins(lines: BulkLines<Pin>, options: ImportChanges & Options): AsyncIterable<readonly BulkResult[]>
  /** `NOT_FOUND` when it is not in the pinset. */
  allocation(cid: Cid): Promise<Pin>
  allocations(range: PinRange, options: Options): AsyncIterable<Pin>
  /** Where pinning would put it now, and what speaks for and against each peer. Nothing is written. */
  explainAllocation(cid: Cid, options: PinOptions & Options): Promise<AllocationExplanation>
  status(cid: Cid, scope: Scope): Promise<GlobalPinInfo>
  /** In order of CID bytes: a merge of every peer's stream. */
  statuses(filter: PinStatusFilter, scope: Scope & Ranged): AsyncIterable<GlobalPinInfo>
  recover(cid: Cid, scope: Scope): Promise<GlobalPinInfo>
  recoverAll(scope: Scope & Recovering): AsyncIterable<GlobalPinInfo>
  /** Counts of every peer, as they answer; those that fail come last with `error`. */
  summaries(scope: Scope): AsyncIterable<PeerPinSummary>
  why(cid: Cid, scope: Scope): Promise<GlobalWhy>
  /** Puts content on its allocated peers' IPFS nodes and pins the root. The last record is the root. */
  add(
    entries: AsyncIterable<AddEntry>,
    params: AddParams,
    pin: PinOptions,
    options: Options,
  ): AsyncIterable<AddedOutput>
  gc(scope: Scope): AsyncIterable<RepoGc>
  /** The sum over the IPFS nodes of all peers that answer. */
  repoStat(options: Options): Promise<RepoStat>
  graph(options: Options): Promise<ConnectGraph>
  events: EventFeed['events']
  alerts(): readonly ClusterAlert[]
  metricNames(): readonly string[]
  metrics(name: string): readonly Metric[]
}

/**
 * What users asked to be pinned through the Pinning Service API: any number of requests for one CID, each with a name of its
 * own. The content is pinned with the first and, unless somebody else pinned it, unpinned with the last.
 */
export interface PinRequests {
  /** Durable when it resolves. Errors: those of pinning. */
  add(wanted: WantedRequest, by: Requester & Options): Promise<PinRequest>
  /** A new request in the place of another. `NOT_FOUND` when that is not there. */
  replace(id: Cid, wanted: WantedRequest, by: Requester & Options): Promise<PinRequest>
  remove(id: Cid, by: Requester & Options): Promise<void>
  get(id: Cid, by: Requester & Options): Promise<PinRequest>
  /** Newest first. */
  list(filter: RequestFilter, options: Options): Promise<RequestList>
}
