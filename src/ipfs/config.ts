import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting, oneOrManySetting, toList } from '../lib/schema.ts'

const ipfshttpSchema = Type.Object(
  {
    node_multiaddress: Type.String({
      default: '/ip4/127.0.0.1/tcp/5001',
      description: "Address of Kubo's RPC: IP or DNS name with TCP port, or a Unix socket",
    }),
    connect_swarms_delay: durationSetting(
      '30s',
      "How long after the start this peer's IPFS node is connected to those of the other peers, and looked after every minute; 0 = never",
    ),
    ipfs_request_timeout: durationSetting(
      '5m0s',
      'Longest silence of Kubo in an ordinary request; 0 = no limit',
    ),
    pin_timeout: durationSetting('2m0s', 'Longest time without a further block while pinning; 0 = no limit'),
    unpin_timeout: durationSetting('3h0m0s', 'Longest time for unpinning; 0 = no limit'),
    repogc_timeout: durationSetting(
      '24h0m0s',
      'Longest silence of Kubo while it collects garbage; 0 = no limit',
    ),
    informer_trigger_interval: Type.Integer({
      default: 0,
      minimum: 0,
      description: 'After how many pins the metrics are sent at once, not at the next heartbeat; 0 = never',
    }),
    unpin_disable: Type.Boolean({ default: false, description: 'Never unpin anything from IPFS' }),
  },
  { default: {}, description: 'A Kubo beside this peer, used when node is "kubo"' },
)

const embeddedSchema = Type.Object(
  {
    folder: Type.String({
      default: 'ipfs',
      description: 'Where blocks and the key of the embedded node lie, relative to the configuration folder',
    }),
    listen_multiaddress: oneOrManySetting(
      ['/ip4/0.0.0.0/tcp/4001'],
      'Addresses on which the embedded node exchanges blocks with other IPFS nodes',
    ),
    announce_multiaddress: oneOrManySetting([], 'Addresses told to other nodes instead of those listened on'),
    bootstrap: Type.Array(Type.String(), {
      default: [],
      description:
        'Addresses of DHT nodes through which content of others is found; without any, only connected nodes are asked',
    }),
    storage_max_bytes: Type.Integer({
      default: 0,
      minimum: 0,
      description: 'How many bytes of blocks the node may hold; 0 = as many as the disk takes',
    }),
    gc_grace: durationSetting(
      '1h0m0s',
      'How long a block that was just stored is safe from garbage collection',
    ),
    request_timeout: durationSetting('5m0s', 'Longest time to wait for a block that is read; 0 = no limit'),
    pin_timeout: durationSetting('2m0s', 'Longest time without a further block while pinning; 0 = no limit'),
    fetch_concurrency: Type.Integer({
      default: 32,
      minimum: 1,
      maximum: 1024,
      description: 'How many blocks of one pin are fetched at a time',
    }),
    unpin_disable: Type.Boolean({ default: false, description: 'Never unpin anything' }),
  },
  { default: {}, description: 'The IPFS node inside this process, used when node is "embedded"' },
)

/** Section `ipfs_connector` of service.json. */
export const ipfsSchema = Type.Object(
  {
    node: Type.Union([Type.Literal('embedded'), Type.Literal('kubo')], {
      default: 'embedded',
      description: 'Which IPFS node keeps the content: the one inside this process, or a Kubo beside it',
    }),
    ipfshttp: ipfshttpSchema,
    embedded: embeddedSchema,
  },
  { default: {}, description: 'The IPFS node of this peer' },
)

export type IpfsSection = Static<typeof ipfsSchema>

/** How to talk to a Kubo. Times of 0 are no limit. */
export interface KuboConfig {
  readonly nodeAddress: string
  readonly requestTimeoutMs: number
  readonly pinTimeoutMs: number
  readonly unpinTimeoutMs: number
  readonly repoGcTimeoutMs: number
  readonly isUnpinDisabled: boolean
}

/** How the node in this process works. Times of 0 are no limit. */
export interface EmbeddedConfig {
  /** Absolute. */
  readonly folder: string
  readonly listenAddresses: readonly string[]
  readonly announceAddresses: readonly string[]
  readonly bootstrapAddresses: readonly string[]
  /** 0 = as much as the disk takes. */
  readonly storageMaxBytes: number
  readonly gcGraceMs: number
  readonly requestTimeoutMs: number
  readonly pinTimeoutMs: number
  readonly fetchesMax: number
  readonly isUnpinDisabled: boolean
}

/** Which node, and both ways of having one. */
export interface IpfsConfig {
  readonly node: 'embedded' | 'kubo'
  readonly kubo: KuboConfig
  readonly embedded: EmbeddedConfig
  /** After this long the IPFS nodes of the peers are connected to each other; 0 = never. */
  readonly connectSwarmsDelayMs: number
  /** After this many pins the metrics are sent at once; 0 = never. */
  readonly informerTriggerPins: number
}

/** The section in the form the component takes; relative folders lie in `baseFolder`. */
export function toIpfsConfig(section: IpfsSection, baseFolder: string): IpfsConfig {
  const { ipfshttp, embedded } = section
  const folder = embedded.folder.startsWith('/') ? embedded.folder : join(baseFolder, embedded.folder)
  return {
    node: section.node,
    kubo: {
      nodeAddress: ipfshttp.node_multiaddress,
      requestTimeoutMs: parseDuration(ipfshttp.ipfs_request_timeout),
      pinTimeoutMs: parseDuration(ipfshttp.pin_timeout),
      unpinTimeoutMs: parseDuration(ipfshttp.unpin_timeout),
      repoGcTimeoutMs: parseDuration(ipfshttp.repogc_timeout),
      isUnpinDisabled: ipfshttp.unpin_disable,
    },
    embedded: {
      folder,
      listenAddresses: toList(embedded.listen_multiaddress),
      announceAddresses: toList(embedded.announce_multiaddress),
      bootstrapAddresses: embedded.bootstrap,
      storageMaxBytes: embedded.storage_max_bytes,
      gcGraceMs: parseDuration(embedded.gc_grace),
      requestTimeoutMs: parseDuration(embedded.request_timeout),
      pinTimeoutMs: parseDuration(embedded.pin_timeout),
      fetchesMax: embedded.fetch_concurrency,
      isUnpinDisabled: embedded.unpin_disable,
    },
    connectSwarmsDelayMs: parseDuration(ipfshttp.connect_swarms_delay),
    informerTriggerPins: ipfshttp.informer_trigger_interval,
  }
}
