import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Meter } from '@opentelemetry/api'
import { type AlertsParts, openAlerts } from './alerts/alerts.ts'
import { type Allocator, toAllocator } from './allocator/allocator.ts'
import { parseApiAddress } from './api/address.ts'
import { serveOverPeers } from './api/over-peers.ts'
import { openPinSvcApi } from './api/pinsvc/pinsvc.ts'
import { openIpfsProxy } from './api/proxy/proxy.ts'
import { openRestApi } from './api/rest.ts'
import { openTokens } from './api/tokens/tokens.ts'
import { makeAskHolds } from './cluster/ask-holds.ts'
import { openCluster } from './cluster/cluster.ts'
import { openPeerMarks } from './cluster/marks/peer-marks.ts'
import { openPinRequests } from './cluster/pin-requests.ts'
import { makeRebalanceAnswer } from './cluster/rebalance/answer-rebalance.ts'
import { makeRpcHandlers } from './cluster/rpc-handlers.ts'
import { peerOfAddress, writePeerstore } from './config/peerstore-file.ts'
import type { DaemonSettings } from './config/settings.ts'
import { openPinset } from './consensus/pinset.ts'
import { ClusterError } from './errors.ts'
import { openEvents } from './events/events.ts'
import type {
  Alerts,
  ByteStore,
  Cluster,
  Consensus,
  ImportContent,
  Ipfs,
  Logger,
  Monitor,
  Network,
  PeerHello,
  PinTracker,
  Rpc,
} from './interfaces.ts'
import { openKubo } from './ipfs/kubo/kubo.ts'
import type { Clock } from './lib/clock.ts'
import type { Random } from './lib/random.ts'
import { VERSION } from './lib/version.ts'
import { NO_ROOM_METRIC } from './model/no-room.ts'
import type { PeerId } from './model/peer.ts'
import type { FateOf } from './model/peer-fate.ts'
import { configuredInformers } from './monitor/informers/configured-informers.ts'
import { filesystemOf } from './monitor/informers/filesystem.ts'
import { valueInformer } from './monitor/informers/value-informer.ts'
import { type MonitorParts, openMonitor } from './monitor/monitor.ts'
import { openNetwork } from './network/network.ts'
import { type Observability, openObservability } from './observability/observability.ts'
import { openPinTracker } from './pintracker/tracker.ts'
import { openRpc, RPC_PROTOCOL } from './rpc/rpc.ts'
import { healing } from './store/healing-store.ts'
import { openLevel } from './store/level.ts'
import { finishReplacing } from './stored-state.ts'
import { openWebhooks } from './webhooks/webhooks.ts'

/** Where time and chance come from. */
export interface Seams {
  readonly clock: Clock
  readonly random: Random
}

/** A peer at work. Disposing it closes its parts in the reverse order of their opening. */
export interface Daemon extends AsyncDisposable {
  /** Resolves when the peer takes part in the cluster. It does not wait for IPFS or for other peers. */
  readonly ready: Promise<void>
  /** Multiaddrs of the REST API, empty when it does not run. */
  readonly apiAddresses: readonly string[]
  /** Multiaddrs of the Pinning Service API, empty when it does not run. */
  readonly pinSvcAddresses: readonly string[]
  /** Multiaddrs of the IPFS proxy, empty when it does not run. */
  readonly proxyAddresses: readonly string[]
}

/** Metric that tells the others what this peer's pinset is; see `Consensus.noticeDigest`. */
const PINSET_METRIC = 'pinset'
/** Heartbeats that may get lost before it is not known any more whether a peer has room. */
const NO_ROOM_INTERVALS = 4
const HELLO_MS_MAX = 2000
/** In the peer's folder: hashes of the API tokens, good for every API of the peer. */
const TOKENS_FILE = 'api-tokens.json'

/**
 * Opens a peer: every part, in the order of their dependence. This is the only place that knows them all. Whatever
 * fails to open closes what is open already.
 */
export async function openDaemon(settings: DaemonSettings, seams: Seams): Promise<Daemon> {
  await using parts = new AsyncDisposableStack()
  const { identity, folder } = settings
  const self = identity.id
  const observability = parts.use(await openObservability(settings.observability))
  const { logger, meter, tracer } = observability
  for (const note of settings.notes) logger.child('config').warn(note)
  const openStore = async (name: string): Promise<ByteStore> => parts.use(await openStoreOf(settings, name))
  const base = (component: string) => ({ ...seams, self, identity, meter, logger: logger.child(component) })

  const network = parts.use(await openNetwork(base('network'), settings.network))
  parts.defer(() => rememberPeers(network, settings.peerstoreFile, logger))
  parts.use(tellPeers(network, logger.child('network')))
  const ipfs = parts.use(await openIpfs(settings, seams, observability, openStore))
  const trackerStore = healing(await openStore('tracker'))
  const consensus = parts.use(
    await openPinset({ ...base('consensus'), network, store: await openStore('pinset') }, settings.consensus),
  )
  // The tracker answers calls and makes some: it is there before they are. And it follows the pinset from its first moment: a
  // removal by others that it does not hear of would leave the content pinned for ever.
  const calls: LateCalls = {}
  const askHolds = makeAskHolds(() => calls.rpc)
  const tracker = parts.use(
    await openPinTracker(
      { ...base('pintracker'), consensus, ipfs, askHolds, store: trackerStore },
      settings.pinTracker,
    ),
  )
  // And to its last: what is being written while the peer stops is told before the tracker goes.
  parts.defer(() => consensus.settle())
  const marks = parts.use(await openPeerMarks({ ...base('cluster'), consensus }))
  const monitor = parts.use(
    await openWatch(settings, { ...base('monitor'), network, consensus, ipfs, tracker }),
  )
  parts.use(followDigests(monitor, consensus))
  const fateOf: FateOf = peer => calls.cluster?.fateOf(peer)
  const alerts = parts.use(
    watchForAlerts(settings, { ...base('alerts'), monitor, consensus, network, ipfs, marks, fateOf }),
  )

  const { peername } = settings.cluster
  const local = {
    self,
    version: VERSION,
    rpcProtocolVersion: RPC_PROTOCOL,
    peername,
    consensus,
    marks,
    tracker,
    monitor,
    network,
    ipfs,
  }
  const core = parts.use(await openCore(settings, base, { ...local, tracer, alerts }, calls))
  const apis = parts.use(await openApis(settings, base, { ...local, ...core }))
  logger
    .child('service')
    .info('peer is running', { peer: self, peername, folder, version: VERSION, ipfs: settings.ipfs.node })
  const open = parts.move()
  return {
    ready: Promise.resolve(),
    apiAddresses: apis.apiAddresses,
    pinSvcAddresses: apis.pinSvcAddresses,
    proxyAddresses: apis.proxyAddresses,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** What is asked through parts that open later. */
interface LateCalls {
  rpc?: Rpc
  cluster?: Cluster & { readonly fateOf: FateOf }
}

/** What the core is joined from, but for what it opens itself. */
type CoreParts = Omit<Parameters<typeof makeRpcHandlers>[0], 'clock' | 'rebalance'> &
  Omit<
    Parameters<typeof openCluster>[0],
    keyof ReturnType<Base> | keyof Allocator | 'rpc' | 'events' | 'importContent'
  > &
  Pick<Parameters<typeof openEvents>[0], 'consensus' | 'tracker' | 'monitor' | 'alerts'> &
  Pick<Parameters<typeof openRpc>[0], 'network'>

/** Opens what joins the parts of a peer: its calls to others and its answers to theirs, and the core. */
async function openCore(
  settings: DaemonSettings,
  base: Base,
  core: CoreParts,
  calls: LateCalls,
): Promise<AsyncDisposable & Pick<Allocator, 'allocate'> & { readonly cluster: Cluster }> {
  await using parts = new AsyncDisposableStack()
  const { consensus, network } = core
  const rebalance = makeRebalanceAnswer(() => calls.cluster?.rebalance)
  const handlers = makeRpcHandlers({ ...core, ...base('cluster'), rebalance })
  const isTrusted = (peer: string) => consensus.isTrusted(peer)
  const rpc = parts.use(openRpc({ ...base('rpc'), network, isTrusted, handlers }))
  calls.rpc = rpc
  const allocator = toAllocator(settings.allocator)
  const events = parts.use(openEvents({ ...base('events'), ...core }))
  const components = { ...core, ...base('cluster'), rpc, events, ...allocator, importContent }
  const cluster = parts.use(await openCluster(components, settings.cluster))
  calls.cluster = cluster
  const open = parts.move()
  return { allocate: allocator.allocate, cluster, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** What every part is opened with; its argument names the part in the log. */
type Base = (component: string) => Seams & { readonly logger: Logger; readonly meter: Meter }

/** What the ways in lead to. */
type ApiCore = Omit<Parameters<typeof openPinRequests>[0], keyof ReturnType<Base>> & {
  readonly cluster: Cluster
  readonly ipfs: Ipfs
  readonly network: Network
}

/** Opens every way in that the configuration has. */
async function openApis(
  settings: DaemonSettings,
  base: Base,
  core: ApiCore,
): Promise<AsyncDisposable & Pick<Daemon, 'apiAddresses' | 'pinSvcAddresses' | 'proxyAddresses'>> {
  await using parts = new AsyncDisposableStack()
  const { cluster, ipfs } = core
  parts.use(openWebhooks({ ...base('webhooks'), events: cluster }, settings.webhooks ?? { hooks: [] }))
  // Also where that API does not run: of the content of requests every peer may have to take care.
  const requests = parts.use(await openPinRequests({ ...core, ...base('cluster') }, settings.cluster))
  const { restApi, pinSvcApi, ipfsProxy, ipfs: node } = settings
  const tokens = parts.use(await openTokens(base('restapi'), join(settings.folder, TOKENS_FILE)))
  const auditLogger = base('audit').logger
  const rest =
    restApi === undefined
      ? undefined
      : await openRestApi({ ...base('restapi'), cluster, tokens, auditLogger }, restApi)
  if (rest !== undefined) parts.use(rest)
  const hasCallers = restApi !== undefined && restApi.gate.peerScopes.size > 0
  if (rest !== undefined && hasCallers) parts.use(serveOverPeers(core.network, rest))
  const pinSvc =
    pinSvcApi === undefined
      ? undefined
      : await openPinSvcApi({ ...base('pinsvcapi'), requests, tokens, auditLogger }, pinSvcApi)
  if (pinSvc !== undefined) parts.use(pinSvc)
  const kubo = node.node === 'kubo' ? parseApiAddress(node.kubo.nodeAddress) : undefined
  const proxy =
    ipfsProxy === undefined
      ? undefined
      : await openIpfsProxy({ ...base('ipfsproxy'), cluster, ipfs, kubo }, ipfsProxy)
  if (proxy !== undefined) parts.use(proxy)
  const open = parts.move()
  return {
    apiAddresses: rest?.addresses ?? [],
    pinSvcAddresses: pinSvc?.addresses ?? [],
    proxyAddresses: proxy?.addresses ?? [],
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Opens one of the peer's stores, after what an interrupted import left to do. */
async function openStoreOf({ storeFolder, store }: DaemonSettings, name: string): Promise<ByteStore> {
  await finishReplacing(storeFolder)
  return openLevel(join(storeFolder, name), store)
}

/** Opens the monitor with everything that this peer measures of itself. */
async function openWatch(
  settings: DaemonSettings,
  parts: Omit<MonitorParts, 'informers' | 'hello' | 'isTrusted' | 'known' | 'network'> & {
    readonly network: Network
    readonly consensus: Consensus
    readonly ipfs: Ipfs
    readonly tracker: PinTracker
  },
): Promise<Monitor> {
  const { consensus, ipfs, tracker } = parts
  const { pingIntervalMs } = settings.monitor
  const informers = [
    ...configuredInformers({ ...parts, filesystem: filesystemOf }, settings.monitor.informers),
    valueInformer(PINSET_METRIC, 2 * pingIntervalMs, () => consensus.rootDigest),
    valueInformer(NO_ROOM_METRIC, NO_ROOM_INTERVALS * pingIntervalMs, () => String(tracker.noRoom.count)),
  ]
  const { clusterName } = settings.consensus
  const isTrusted = (peer: string) => consensus.isTrusted(peer)
  const known = () => knownPeers(settings, consensus)
  return openMonitor(
    { ...parts, informers, hello: makeHello(settings, ipfs), isTrusted, known },
    { ...settings.monitor, clusterName },
  )
}

/** Peers that should be there: those that are named as trusted, and those with an address in the settings or from the last run. */
function knownPeers({ network }: DaemonSettings, { state }: Consensus): readonly PeerId[] {
  const { configured, changed } = state.trust
  const named = network.peerAddresses.map(peerOfAddress).filter(peer => peer !== undefined)
  const said = [...changed].filter(([, isTrusted]) => isTrusted).map(([peer]) => peer)
  const all = new Set([...configured.filter(peer => peer !== '*'), ...named, ...said])
  return [...all].filter(peer => changed.get(peer) !== false)
}

async function openIpfs(
  settings: DaemonSettings,
  seams: Seams,
  { logger, meter }: Observability,
  openStore: (name: string) => Promise<ByteStore>,
): Promise<Ipfs> {
  const components = { ...seams, meter, logger: logger.child('ipfs') }
  if (settings.ipfs.node === 'kubo') return openKubo(components, settings.ipfs.kubo)
  // Loaded when it is needed, as is the import of content: a peer beside a Kubo starts sooner, and smaller.
  const { openEmbedded } = await import('./ipfs/embedded/embedded.ts')
  return openEmbedded({ ...components, store: healing(await openStore('ipfs')) }, settings.ipfs.embedded)
}

const importContent: ImportContent = async function* (entries, params, put, options) {
  const sharding = await import('./sharding/import-content.ts')
  yield* sharding.importContent(entries, params, put, options)
}

/** What this peer says of itself in its heartbeats: of an IPFS node that is down, what was last known. */
function makeHello({ cluster }: DaemonSettings, ipfs: Ipfs): () => Promise<PeerHello> {
  let last: PeerHello = { peername: cluster.peername, ipfsId: undefined, ipfsAddresses: [] }
  return async () => {
    try {
      const { id, addresses } = await ipfs.id({ signal: AbortSignal.timeout(HELLO_MS_MAX) })
      if (id !== undefined) last = { ...last, ipfsId: id, ipfsAddresses: addresses }
    } catch (thrown) {
      if (!(thrown instanceof ClusterError || thrown instanceof DOMException)) throw thrown
    }
    return last
  }
}

/** Opens the alerts, with what the settings name of this peer that can go wrong. */
function watchForAlerts(
  settings: DaemonSettings,
  parts: Omit<AlertsParts, 'certificateFiles' | 'diskFreeBytes' | 'diskFullShare'>,
): Alerts {
  const { restApi, pinSvcApi, storeFolder } = settings
  const tls = [restApi?.tls, pinSvcApi?.tls].filter(files => files !== undefined)
  const certificateFiles = tls.map(({ certFile }) => certFile)
  const diskFreeBytes = async () => {
    const { bavail, bsize } = await statfs(storeFolder)
    return bavail * bsize
  }
  const { diskFullShare } = settings.allocator
  return openAlerts({ ...parts, certificateFiles, diskFreeBytes, diskFullShare }, settings.alerts)
}

/** Lets the pinset know when another peer's differs. */
function followDigests(monitor: Monitor, consensus: Consensus): Disposable {
  return monitor.onMetric(({ name, peer, value }) => {
    if (name === PINSET_METRIC) consensus.noticeDigest(peer, value)
  })
}

/** Says where this peer listens, and who comes and goes. */
function tellPeers(network: Network, logger: Logger): Disposable {
  logger.info('listens for peers', { addresses: network.addresses() })
  return network.onPeer(({ peer, isConnected }) =>
    logger.info(isConnected ? 'a peer is connected' : 'a peer is no longer connected', { peer }),
  )
}

/** Keeps the addresses of the peers that are connected, for the next start. */
async function rememberPeers(network: Network, file: string, logger: Logger): Promise<void> {
  try {
    const addresses = await Promise.all(network.peers().map(peer => network.addressesOf(peer)))
    if (addresses.length > 0) await writePeerstore(file, addresses.flat())
  } catch (error) {
    logger.child('config').warn('the addresses of the other peers were not kept', { error })
  }
}
