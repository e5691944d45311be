import { type TProperties, Type } from 'typebox'
import { alertsSchema } from '../alerts/config.ts'
import { allocatorSchema } from '../allocator/config.ts'
import { restApiSchema } from '../api/config.ts'
import { pinSvcSchema } from '../api/pinsvc/config.ts'
import { proxySchema } from '../api/proxy/config.ts'
import { clusterSchema } from '../cluster/config.ts'
import { consensusSchema } from '../consensus/config.ts'
import { ipfsSchema } from '../ipfs/config.ts'
import { heartbeatSchema, monitorSchema } from '../monitor/config.ts'
import {
  diskInformerSchema,
  numpinInformerSchema,
  pinqueueInformerSchema,
  tagsInformerSchema,
  weightInformerSchema,
} from '../monitor/informers/config.ts'
import { networkSchema } from '../network/config.ts'
import { observabilitySchema } from '../observability/config.ts'
import { pinTrackerSchema, recoverSchema } from '../pintracker/config.ts'
import { storeSchema } from '../store/config.ts'
import { webhooksSchema } from '../webhooks/config.ts'
import type { Section } from './section.ts'

/** Who shares section `cluster`; people look for name and secret first. */
const { peername, leave_on_shutdown, ...clusterRest } = clusterSchema.properties
const { secret, listen_multiaddress, ...networkRest } = networkSchema.properties
const clusterProperties: TProperties = {
  peername,
  secret,
  leave_on_shutdown,
  listen_multiaddress,
  ...networkRest,
  ...recoverSchema.properties,
  ...heartbeatSchema.properties,
  ...clusterRest,
}

/** Every section of `service.json`, in the order in which `init` writes them: the sum of what the components declare. */
export const SECTION = {
  cluster: {
    keys: ['cluster'],
    prefix: 'CLUSTER',
    whenAbsent: 'fault',
    schema: Type.Object(clusterProperties),
  },
  crdt: {
    keys: ['consensus', 'crdt'],
    prefix: 'CLUSTER_CRDT',
    whenAbsent: 'defaults',
    schema: consensusSchema,
  },
  ipfsproxy: {
    keys: ['api', 'ipfsproxy'],
    prefix: 'CLUSTER_IPFSPROXY',
    whenAbsent: 'off',
    schema: proxySchema,
  },
  pinsvcapi: {
    keys: ['api', 'pinsvcapi'],
    prefix: 'CLUSTER_PINSVCAPI',
    whenAbsent: 'off',
    schema: pinSvcSchema,
  },
  restapi: {
    keys: ['api', 'restapi'],
    prefix: 'CLUSTER_RESTAPI',
    whenAbsent: 'off',
    schema: restApiSchema,
  },
  webhooks: {
    keys: ['api', 'webhooks'],
    prefix: 'CLUSTER_WEBHOOKS',
    whenAbsent: 'defaults',
    schema: webhooksSchema,
  },
  ipfs: {
    keys: ['ipfs_connector'],
    prefix: 'CLUSTER_IPFSCONNECTOR',
    groupPrefixes: { ipfshttp: 'CLUSTER_IPFSHTTP', embedded: 'CLUSTER_IPFSEMBEDDED' },
    whenAbsent: 'defaults',
    schema: ipfsSchema,
  },
  pinTracker: {
    keys: ['pin_tracker', 'stateless'],
    prefix: 'CLUSTER_STATELESS',
    whenAbsent: 'defaults',
    schema: pinTrackerSchema,
  },
  monitor: {
    keys: ['monitor', 'pubsubmon'],
    prefix: 'CLUSTER_PUBSUBMON',
    whenAbsent: 'defaults',
    schema: monitorSchema,
  },
  alerts: {
    keys: ['monitor', 'alerts'],
    prefix: 'CLUSTER_ALERTS',
    whenAbsent: 'defaults',
    schema: alertsSchema,
  },
  allocator: {
    keys: ['allocator', 'balanced'],
    prefix: 'CLUSTER_BALANCED',
    whenAbsent: 'defaults',
    schema: allocatorSchema,
  },
  disk: {
    keys: ['informer', 'disk'],
    prefix: 'CLUSTER_DISK',
    whenAbsent: 'off',
    schema: diskInformerSchema,
  },
  pinqueue: {
    keys: ['informer', 'pinqueue'],
    prefix: 'CLUSTER_PINQUEUE',
    whenAbsent: 'off',
    schema: pinqueueInformerSchema,
  },
  tags: {
    keys: ['informer', 'tags'],
    prefix: 'CLUSTER_TAGS',
    whenAbsent: 'off',
    schema: tagsInformerSchema,
  },
  numpin: {
    keys: ['informer', 'numpin'],
    prefix: 'CLUSTER_NUMPIN',
    whenAbsent: 'off',
    isLeftOut: true,
    schema: numpinInformerSchema,
  },
  weight: {
    keys: ['informer', 'weight'],
    prefix: 'CLUSTER_WEIGHT',
    whenAbsent: 'off',
    isLeftOut: true,
    schema: weightInformerSchema,
  },
  observations: {
    keys: ['observations'],
    prefix: 'CLUSTER_OBSERVATIONS',
    groupPrefixes: { metrics: 'CLUSTER_METRICS', tracing: 'CLUSTER_TRACING', logs: 'CLUSTER_LOGS' },
    whenAbsent: 'defaults',
    schema: observabilitySchema,
  },
  level: {
    keys: ['datastore', 'level'],
    prefix: 'CLUSTER_LEVEL',
    whenAbsent: 'defaults',
    schema: storeSchema,
  },
} as const satisfies Readonly<Record<string, Section>>

/** The same as a list. */
export const SECTIONS: readonly Section[] = Object.values(SECTION)
