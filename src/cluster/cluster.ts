import type { Cluster } from '../interfaces.ts'
import { makeInstruments } from '../lib/instruments.ts'
import type { FateOf } from '../model/peer-fate.ts'
import { addContent } from './add.ts'
import { makeAskHolds } from './ask-holds.ts'
import { makeAskNoRoom } from './ask-no-room.ts'
import { pinMany } from './bulk-pin.ts'
import { unpinMany } from './bulk-unpin.ts'
import { peerChooser } from './choose-peers.ts'
import type { ClusterComponents } from './components.ts'
import type { ClusterConfig } from './config.ts'
import { openCopyGauges } from './copies/copy-gauges.ts'
import { replicationReport } from './copies/replication-report.ts'
import { openExpiry } from './expiry.ts'
import { explainAllocation } from './explain-allocation.ts'
import { collectGarbage } from './gc.ts'
import { drawGraph } from './graph.ts'
import { makeIdentify } from './identify.ts'
import { importPins } from './import-pins.ts'
import { openPeerCare } from './marks/peer-care.ts'
import { tellMarks } from './marks/tell-marks.ts'
import { CLUSTER_METRICS } from './metrics.ts'
import { addPeer, listPeers } from './peers.ts'
import { pinCid, pinPath } from './pin.ts'
import { notPinned, refuseAsFollower } from './pin-rules.ts'
import { listPinsets, ownPinset } from './pinsets.ts'
import { openRebalancer } from './rebalance/rebalancer.ts'
import { openRepinner } from './repin/repinner.ts'
import { sumRepoStats } from './repo-stats.ts'
import { setTrusted } from './set-trusted.ts'
import { recoverCid, statusOf } from './status.ts'
import { listStatuses, recoverEverything } from './statuses.ts'
import { listSummaries } from './summaries.ts'
import { connectSwarms } from './swarms.ts'
import { unpinCid, unpinPath } from './unpin.ts'
import { explain } from './why.ts'

/** A restarted IPFS node has lost its connections; on a network without a DHT what it is to pin waits for this. */
const SWARM_PASS_EVERY_MS = 60_000
const COPIES_EVERY_MS = 60_000

/** Joins the parts of a peer into what an API can ask, and keeps house: expired pins, and links between IPFS nodes. */
export async function openCluster(
  components: ClusterComponents,
  config: ClusterConfig,
): Promise<Cluster & AsyncDisposable & { readonly fateOf: FateOf }> {
  const { consensus, monitor } = components
  const identify = makeIdentify({ ...components, peername: config.peername })
  const asking = { ...components, identify }
  const own = () => ownPinset({ ...components, peername: config.peername })
  makeInstruments(components.meter, CLUSTER_METRICS).pins.observe(() => consensus.pinsCount)
  const housekeeping = new AsyncDisposableStack()
  const fateOf = keepHouse(components, config, housekeeping)
  const rebalance = housekeeping.use(openRebalancer(components, config))
  housekeeping.use(tellMarks(components))
  housekeeping.use(openCopyGauges(components, COPIES_EVERY_MS))
  return {
    version: components.version,
    id: identify,
    peers: options => listPeers(asking, options),
    addPeer: (peer, options) => addPeer(asking, peer, options),
    pinset: own,
    pinsets: options => listPinsets({ ...components, own }, options),
    trust: () => consensus.state.trust,
    setTrusted: (peer, isTrusted, options) => setTrusted(components, config, peer, isTrusted, options),
    care: openPeerCare(components, config),
    rebalance,
    replication: (question, options) => replicationReport(components, config, question, options),
    pin: (cid, options) => pinCid(components, config, cid, options),
    pinPath: (path, options) => pinPath(components, config, path, options),
    unpin: (cid, options) => unpinCid(components, config, cid, options),
    unpinPath: (path, options) => unpinPath(components, config, path, options),
    pinMany: (chunks, options) => pinMany(components, config, chunks, options),
    unpinMany: (chunks, options) => unpinMany(components, config, chunks, options),
    importPins(chunks, { signal, ...changes }) {
      refuseAsFollower(config.isFollower)
      const { replication } = config
      const openChooser = () => peerChooser(components, config)
      return importPins({ consensus, openChooser, replication }, chunks, changes, { signal })
    },
    async allocation(cid) {
      const pin = await consensus.get(cid)
      if (pin === undefined) throw notPinned()
      return pin
    },
    allocations: (range, options) => consensus.pins(range, options),
    explainAllocation: (cid, options) => explainAllocation(components, config, cid, options),
    status: (cid, scope) => statusOf(components, config, cid, scope),
    statuses: (filter, scope) => listStatuses(components, config, filter, scope),
    recover: (cid, scope) => recoverCid(components, config, cid, scope),
    recoverAll: scope => recoverEverything(components, config, scope),
    summaries: scope => listSummaries(components, config, scope),
    why: (cid, scope) => explain(components, config, cid, scope),
    add: (entries, params, pin, options) => addContent(components, config, entries, params, pin, options),
    gc: scope => collectGarbage(components, config, scope),
    repoStat: options => sumRepoStats(components, options),
    graph: options => drawGraph(components, options),
    events: (query, options) => components.events.events(query, options),
    alerts: () => components.alerts.list(),
    metricNames: () => monitor.metricNames(),
    metrics: name => monitor.latest(name),
    fateOf,
    [Symbol.asyncDispose]: () => housekeeping.disposeAsync(),
  }
}

function keepHouse(
  components: ClusterComponents,
  config: ClusterConfig,
  stack: AsyncDisposableStack,
): FateOf {
  if (config.connectSwarmsDelayMs > 0) {
    stack.use(
      connectSwarms(components, { delayMs: config.connectSwarmsDelayMs, everyMs: SWARM_PASS_EVERY_MS }),
    )
  }
  if (config.isFollower) return () => undefined
  stack.use(openExpiry(components, { passEveryMs: config.stateSyncIntervalMs }))
  const askHolds = makeAskHolds(() => components.rpc)
  const askNoRoom = makeAskNoRoom(components.rpc)
  const repinner = openRepinner({ ...components, askHolds, askNoRoom }, config)
  return stack.use(repinner).fateOf
}
