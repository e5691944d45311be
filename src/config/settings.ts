import assert from 'node:assert'
import { resolve } from 'node:path'
import type { Static, TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { type AlertsConfig, alertsSchema, toAlertsConfig } from '../alerts/config.ts'
import { type AllocatorConfig, allocatorSchema, toAllocatorConfig } from '../allocator/config.ts'
import { type RestApiConfig, restApiSchema, toRestApiConfig } from '../api/config.ts'
import { pinSvcSchema, toPinSvcConfig } from '../api/pinsvc/config.ts'
import { type ProxyConfig, proxySchema, toProxyConfig } from '../api/proxy/config.ts'
import { type ClusterConfig, clusterSchema, toClusterConfig } from '../cluster/config.ts'
import { type ConsensusConfig, consensusSchema, toConsensusConfig } from '../consensus/config.ts'
import { messageOf } from '../errors.ts'
import { type IpfsConfig, ipfsSchema, toIpfsConfig } from '../ipfs/config.ts'
import type { Identity } from '../model/identity.ts'
import { heartbeatSchema, type MonitorConfig, monitorSchema, toMonitorConfig } from '../monitor/config.ts'
import {
  diskInformerSchema,
  type InformerSections,
  numpinInformerSchema,
  pinqueueInformerSchema,
  tagsInformerSchema,
  weightInformerSchema,
} from '../monitor/informers/config.ts'
import { type NetworkConfig, networkSchema, toNetworkConfig } from '../network/config.ts'
import {
  type ObservabilityConfig,
  observabilitySchema,
  toObservabilityConfig,
} from '../observability/config.ts'
import {
  type PinTrackerConfig,
  pinTrackerSchema,
  recoverSchema,
  toPinTrackerConfig,
} from '../pintracker/config.ts'
import { type LevelConfig, storeSchema, toLevelConfig } from '../store/config.ts'
import { toWebhooksConfig, type WebhooksConfig, webhooksSchema } from '../webhooks/config.ts'
import { crossFaults } from './cross-checks.ts'
import type { Document } from './document.ts'
import type { Environment } from './environment.ts'
import { type Fault, faultsError } from './fault.ts'
import { SECTION } from './schema.ts'
import type { Section } from './section.ts'

/** Everything a daemon needs to know to open its parts: each part's own settings, in its own terms. */
export interface DaemonSettings {
  /** Absolute path of the peer's folder. */
  readonly folder: string
  readonly identity: Identity
  /** Addresses given with `--bootstrap`, each ending in `/p2p/<peer>`; they are among `network.peerAddresses` as well. */
  readonly bootstrap: readonly string[]
  /** Absolute path of the file that remembers addresses of peers. */
  readonly peerstoreFile: string
  readonly network: NetworkConfig
  readonly cluster: ClusterConfig
  readonly allocator: AllocatorConfig
  readonly consensus: ConsensusConfig
  readonly pinTracker: PinTrackerConfig
  readonly monitor: MonitorConfig
  readonly alerts: AlertsConfig
  readonly ipfs: IpfsConfig
  /** undefined = the REST API does not run. */
  readonly restApi: RestApiConfig | undefined
  /** undefined = the Pinning Service API does not run. */
  readonly pinSvcApi: RestApiConfig | undefined
  /** undefined = the IPFS proxy does not run. */
  readonly ipfsProxy: ProxyConfig | undefined
  /** undefined = events are sent nowhere. */
  readonly webhooks: WebhooksConfig | undefined
  readonly observability: ObservabilityConfig
  /** Absolute path of the folder of the byte store. */
  readonly storeFolder: string
  readonly store: LevelConfig
  /** Things about the configuration worth a warning each, in words. */
  readonly notes: readonly string[]
}

/** What the file does not say. */
export interface SettingsContext {
  readonly folder: string
  readonly identity: Identity
  /** Addresses from the peerstore file. */
  readonly knownAddresses: readonly string[]
  readonly bootstrap: readonly string[]
  readonly environment: Environment
  /** Value of `--loglevel`, or ''. */
  readonly logLevel: string
  /** Names the file in messages. */
  readonly where: string
}

/** The settings in a checked configuration. Throws one `CONFIG_INVALID` with every fault that the parts find. */
export function toSettings(document: Document, context: SettingsContext): DaemonSettings {
  const { folder, identity } = context
  const faults: Fault[] = [...crossFaults(document)]
  const part = <Result>(make: () => Result) => attempt(make, faults)
  const read = <Schema extends TSchema>(section: Section, schema: Schema): Static<Schema> => {
    const values = readOptional(document, section, schema)
    assert(values !== undefined, `section ${section.keys.join('.')} has values`)
    return values
  }
  const cluster = read(SECTION.cluster, clusterSchema)
  const level = read(SECTION.level, storeSchema)
  const restapi = readOptional(document, SECTION.restapi, restApiSchema)
  const addresses = [...context.knownAddresses, ...context.bootstrap]
  const network = part(() => toNetworkConfig(read(SECTION.cluster, networkSchema), addresses))
  const ipfs = part(() => toIpfsConfig(read(SECTION.ipfs, ipfsSchema), folder))
  const consensus = part(() => toConsensusConfig(read(SECTION.crdt, consensusSchema)))
  const pinTracker = part(() =>
    toPinTrackerConfig(read(SECTION.pinTracker, pinTrackerSchema), read(SECTION.cluster, recoverSchema)),
  )
  const monitor = part(() =>
    toMonitorConfig({
      heartbeat: read(SECTION.cluster, heartbeatSchema),
      monitor: read(SECTION.monitor, monitorSchema),
      ...informerSections(document),
    }),
  )
  const alerts = part(() => toAlertsConfig(read(SECTION.alerts, alertsSchema)))
  const restApi = part(() => (restapi === undefined ? undefined : toRestApiConfig(restapi, folder)))
  const pinsvc = readOptional(document, SECTION.pinsvcapi, pinSvcSchema)
  const pinSvcApi = part(() => (pinsvc === undefined ? undefined : toPinSvcConfig(pinsvc, folder)))
  const proxy = readOptional(document, SECTION.ipfsproxy, proxySchema)
  const ipfsProxy = part(() => (proxy === undefined ? undefined : toProxyConfig(proxy)))
  const hooks = readOptional(document, SECTION.webhooks, webhooksSchema)
  const webhooks = part(() => (hooks === undefined ? undefined : toWebhooksConfig(hooks)))
  const observability = part(() =>
    toObservabilityConfig(read(SECTION.observations, observabilitySchema), {
      peername: cluster.peername,
      peer: identity.id,
      logLevelFlag: context.logLevel,
      environment: context.environment,
    }),
  )
  const allocator = part(() => toAllocatorConfig(read(SECTION.allocator, allocatorSchema)))
  if (faults.length > 0) throw faultsError(context.where, faults)
  return {
    folder,
    identity,
    bootstrap: context.bootstrap,
    peerstoreFile: resolve(folder, cluster.peerstore_file),
    network: network(),
    cluster: toClusterConfig(cluster, {
      allocateBy: allocator().allocateBy,
      placement: allocator().placement,
      connectSwarmsDelayMs: ipfs().connectSwarmsDelayMs,
    }),
    allocator: allocator(),
    consensus: consensus(),
    pinTracker: pinTracker(),
    monitor: monitor(),
    ipfs: ipfs(),
    restApi: restApi(),
    pinSvcApi: pinSvcApi(),
    ipfsProxy: ipfsProxy(),
    webhooks: webhooks(),
    alerts: alerts(),
    observability: observability(),
    storeFolder: resolve(folder, level.folder),
    store: toLevelConfig(level),
    notes: document.notes,
  }
}

function informerSections(document: Document): InformerSections {
  return {
    disk: readOptional(document, SECTION.disk, diskInformerSchema),
    tags: readOptional(document, SECTION.tags, tagsInformerSchema),
    pinqueue: readOptional(document, SECTION.pinqueue, pinqueueInformerSchema),
    numpin: readOptional(document, SECTION.numpin, numpinInformerSchema),
    weight: readOptional(document, SECTION.weight, weightInformerSchema),
  }
}

/** Runs a part's own check now and keeps its fault; the result is asked for when there is no fault at all. */
function attempt<Result>(make: () => Result, faults: Fault[]): () => Result {
  try {
    const result = make()
    return () => result
  } catch (thrown) {
    faults.push({ path: '', message: messageOf(thrown) })
    return () => {
      throw thrown
    }
  }
}

function readOptional<Schema extends TSchema>(
  document: Document,
  section: Section,
  schema: Schema,
): Static<Schema> | undefined {
  const values = document.valuesOf(section)
  if (values === undefined) return undefined
  assert(Check(schema, values), `section ${section.keys.join('.')} was checked`)
  return values
}
