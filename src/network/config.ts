import { multiaddr } from '@multiformats/multiaddr'
import { type Static, Type } from 'typebox'
import { ClusterError } from '../errors.ts'
import { parseDuration } from '../lib/duration.ts'
import { durationSetting, oneOrManySetting, toList } from '../lib/schema.ts'

const NO_EFFECT = 'Accepted so that files of the reference load; without effect: '

/** Keys of section `cluster` that are about the network. Transport is TCP only, as the pre-shared key needs it. */
export const networkSchema = Type.Object({
  secret: Type.String({
    default: '',
    pattern: '^([0-9a-fA-F]{64})?$',
    description:
      'Key that all peers of the cluster share: 32 bytes in hexadecimal. Empty = none: anyone who reaches the port can talk to this peer.',
  }),
  listen_multiaddress: oneOrManySetting(
    ['/ip4/0.0.0.0/tcp/9096'],
    'Where to listen for other peers, at least one TCP address. Addresses of other transports (QUIC, WebSocket) are passed over with a warning.',
  ),
  announce_multiaddress: oneOrManySetting(
    [],
    'Addresses to tell other peers instead of those that are listened on.',
  ),
  no_announce_multiaddress: oneOrManySetting(
    [],
    'Addresses never to tell other peers: exact ones, or ranges such as /ip4/10.0.0.0/ipcidr/8.',
  ),
  enable_relay_hop: Type.Boolean({
    default: true,
    description: `${NO_EFFECT}this peer relays no connections.`,
  }),
  connection_manager: Type.Object(
    {
      high_water: Type.Integer({
        default: 400,
        minimum: 1,
        description: 'Most connections; beyond it new ones are refused and the least used are closed.',
      }),
      low_water: Type.Integer({
        default: 100,
        minimum: 1,
        description:
          'As long as there are fewer connections than this, and fewer than 64, known peers are dialled.',
      }),
      grace_period: durationSetting(
        '2m0s',
        `${NO_EFFECT}the newest of equally used connections are closed first.`,
      ),
    },
    { description: 'Bounds of the number of connections.' },
  ),
  resource_manager: Type.Object(
    {
      enabled: Type.Boolean({
        default: true,
        description:
          'Bound how many connections a single host may open at once (1000 in a second) and how many may be unfinished.',
      }),
      memory_limit_bytes: Type.Integer({
        default: 0,
        minimum: 0,
        description: `${NO_EFFECT}every stream and queue has a bound of its own.`,
      }),
      file_descriptors_limit: Type.Integer({
        default: 0,
        minimum: 0,
        description: `${NO_EFFECT}connection_manager.high_water bounds the sockets.`,
      }),
    },
    { description: 'Limits on what other peers may use up.' },
  ),
  pubsub: Type.Object(
    {
      seen_messages_ttl: durationSetting(
        '30m0s',
        'How long the ids of published messages are remembered, to pass each on only once.',
      ),
      heartbeat_interval: durationSetting('10s', 'How often gossipsub looks after its mesh.'),
      d_factor: Type.Integer({
        default: 4,
        minimum: 1,
        maximum: 16,
        description:
          'Multiplies the gossip degrees: mesh 6, at least 5, at most 12, by score 4, outbound 2, lazy 6.',
      }),
      history_gossip: Type.Integer({
        default: 2,
        minimum: 1,
        description: 'For how many heartbeats a message is offered to peers outside the mesh.',
      }),
      history_length: Type.Integer({
        default: 6,
        minimum: 1,
        description: 'For how many heartbeats a message is kept for those who ask.',
      }),
      flood_publish: Type.Boolean({
        default: false,
        description: 'Send own messages to every known subscriber, not only to the mesh.',
      }),
    },
    { description: 'Parameters of gossipsub.' },
  ),
  dial_peer_timeout: durationSetting('3s', 'How long one attempt to connect to a peer may take.'),
  mdns_interval: durationSetting(
    '10s',
    `${NO_EFFECT}peers are found by peer_addresses, by asking connected peers, and in the cluster's own DHT.`,
  ),
  peer_addresses: Type.Array(Type.String(), {
    default: [],
    description:
      'Addresses of peers, each ending in /p2p/<peer id>, to which a connection is always kept or tried again.',
  }),
})

/** The keys as they stand in the file. */
export type NetworkSection = Static<typeof networkSchema>

/** Parameters of gossipsub. */
export interface GossipConfig {
  readonly seenTtlMs: number
  readonly heartbeatMs: number
  readonly degreeFactor: number
  readonly historyGossip: number
  readonly historyLength: number
  readonly isFlooded: boolean
}

/** What `openNetwork` takes. */
export interface NetworkConfig {
  /** 32 bytes that all peers share; undefined = an open network. */
  readonly secret: Uint8Array | undefined
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly noAnnounce: readonly string[]
  readonly connectionsMax: number
  /** Known peers are dialled while there are fewer connections. */
  readonly connectionsWanted: number
  readonly hasHostLimits: boolean
  readonly gossip: GossipConfig
  readonly dialTimeoutMs: number
  /** Peers to which a connection is kept, each address ending in `/p2p/<peer id>`. */
  readonly peerAddresses: readonly string[]
}

/** Beyond this many connections a full mesh costs more than it gives; gossip and the DHT reach the rest. */
const FULL_MESH_MAX = 64

/**
 * The section in the component's own terms. `bootstrap` are further addresses to connect to, such as those of the
 * peerstore file. Throws `CONFIG_INVALID`.
 */
export function toNetworkConfig(section: NetworkSection, bootstrap: readonly string[] = []): NetworkConfig {
  const { connection_manager: connections, pubsub } = section
  if (connections.low_water > connections.high_water)
    refuse('cluster.connection_manager.low_water is greater than high_water')
  if (pubsub.history_gossip > pubsub.history_length)
    refuse('cluster.pubsub.history_gossip is greater than history_length')
  const peerAddresses = [...new Set([...section.peer_addresses, ...bootstrap])]
  for (const address of peerAddresses) checkAddress('cluster.peer_addresses', address, true)
  const listen = toList(section.listen_multiaddress)
  const announce = toList(section.announce_multiaddress)
  const noAnnounce = toList(section.no_announce_multiaddress)
  for (const address of listen) checkAddress('cluster.listen_multiaddress', address, false)
  for (const address of announce) checkAddress('cluster.announce_multiaddress', address, false)
  for (const address of noAnnounce) checkAddress('cluster.no_announce_multiaddress', address, false)
  if (listen.length === 0) refuse('cluster.listen_multiaddress is empty: name at least one TCP address')
  return {
    secret: section.secret === '' ? undefined : new Uint8Array(Buffer.from(section.secret, 'hex')),
    listen,
    announce,
    noAnnounce,
    connectionsMax: connections.high_water,
    connectionsWanted: Math.min(connections.low_water, FULL_MESH_MAX),
    hasHostLimits: section.resource_manager.enabled,
    gossip: {
      seenTtlMs: positive('pubsub.seen_messages_ttl', pubsub.seen_messages_ttl),
      heartbeatMs: positive('pubsub.heartbeat_interval', pubsub.heartbeat_interval),
      degreeFactor: pubsub.d_factor,
      historyGossip: pubsub.history_gossip,
      historyLength: pubsub.history_length,
      isFlooded: pubsub.flood_publish,
    },
    dialTimeoutMs: positive('dial_peer_timeout', section.dial_peer_timeout),
    peerAddresses,
  }
}

function positive(key: string, duration: string): number {
  const ms = parseDuration(duration)
  if (ms <= 0) refuse(`cluster.${key} must be longer than 0`)
  return ms
}

function checkAddress(key: string, address: string, needsPeer: boolean): void {
  try {
    multiaddr(address)
  } catch (cause) {
    throw new ClusterError('CONFIG_INVALID', `${key}: "${address}" is not a multiaddr`, { cause })
  }
  if (needsPeer && !/\/p2p\/[^/]+$/.test(address))
    refuse(`${key}: "${address}" does not end in /p2p/<peer id>`)
}

function refuse(message: string): never {
  throw new ClusterError('CONFIG_INVALID', message)
}
