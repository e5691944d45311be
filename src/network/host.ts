import { createServer } from 'node:net'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { type GossipSub, type GossipsubOpts, gossipsub, StrictSign } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { ClusterError, messageOf } from '../errors.ts'
import type { Logger } from '../interfaces.ts'
import type { Identity } from '../model/identity.ts'
import { makeAnnounceFilter } from './announced.ts'
import type { GossipConfig, NetworkConfig } from './config.ts'
import { copyKey } from './copy-key.ts'
import { CONNECTION_STREAMS_MAX, PUBLISH_BYTES_MAX, STREAM_WINDOW_BYTES } from './limits.ts'
import { quietLogger } from './quiet-logger.ts'
import type { SecretGuard } from './secret-guard.ts'

/** The services of a host. */
export type HostServices = {
  readonly identify: Identify
  readonly ping: Ping
  readonly gossip: GossipSub
  readonly dht: KadDHT
  readonly reach: Reach
}

/** A running libp2p host. */
export type Host = Libp2p<HostServices>

/** Tells libp2p which own addresses may be told to others. */
interface Reach {
  confirmAll(): void
}

/** The part of libp2p's inner components that `Reach` needs. */
interface ReachComponents {
  readonly transportManager: { getAddrs(): Multiaddr[] }
  readonly addressManager: {
    confirmObservedAddr(address: Multiaddr, options: { type: 'transport'; ttl: number }): void
  }
}

/** Of hosts behind which many peers may sit: NAT, a proxy, one machine with a hundred containers. */
const HOST_CONNECTIONS_PER_SECOND = 1000
const PENDING_CONNECTIONS_MAX = 1000
const FOREVER_MS = 100 * 365 * 24 * 3_600_000
const ADDRESS_AGE_MS = 7 * 24 * 3_600_000

/**
 * Starts a libp2p host: TCP, the pre-shared key, Noise, yamux, identify, ping, gossipsub and a DHT of the cluster's own.
 * `CONFLICT` when an address is taken, `CONFIG_INVALID` when it cannot be listened on.
 */
export async function openHost(
  { identity, guard, logger }: { identity: Identity; guard: SecretGuard; logger: Logger },
  config: NetworkConfig,
): Promise<Host> {
  const listen = toTcp(config.listen, logger)
  const isAnnounced = makeAnnounceFilter(config.noAnnounce)
  const options = {
    privateKey: toPrivateKey(identity),
    // Set DEBUG=libp2p:* to see what libp2p itself has to say.
    ...(process.env.DEBUG === undefined ? { logger: quietLogger() } : {}),
    nodeInfo: { name: 'pinfold', userAgent: 'pinfold' },
    addresses: {
      listen: [...listen],
      announce: [...config.announce],
      announceFilter: (addresses: Multiaddr[]) =>
        addresses.filter(address => isAnnounced(address.toString())),
    },
    transports: [tcp({ backlog: 1024, dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux(MUXER)],
    connectionProtector: guard.protector,
    connectionGater: {
      denyInboundEncryptedConnection: (_peer: unknown, connection: Parameters<SecretGuard['prove']>[0]) => {
        guard.prove(connection)
        return false
      },
      denyOutboundEncryptedConnection: (_peer: unknown, connection: Parameters<SecretGuard['prove']>[0]) => {
        guard.prove(connection)
        return false
      },
    },
    connectionManager: connectionLimits(config),
    // Adapts to slow answers, and leaves room for pauses of the own event loop, which are no fault of the connection.
    connectionMonitor: { pingInterval: 10_000, pingTimeout: { minTimeout: 10_000, maxTimeout: 20_000 } },
    peerStore: { maxAddressAge: ADDRESS_AGE_MS, maxPeerAge: 4 * ADDRESS_AGE_MS },
    services: {
      identify: identify({ maxInboundStreams: 8, maxOutboundStreams: 8 }),
      ping: ping({ maxInboundStreams: 16, maxOutboundStreams: 16 }),
      gossip: gossipsub(gossipOptions(config.gossip)),
      dht: kadDHT({
        protocol: '/pinfold/kad/1.0.0',
        clientMode: false,
        // A cluster lives on private addresses as often as on public ones.
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
        alpha: 3,
        // Peers find each other by asking (see meet.ts); the DHT is for the addresses of those that nobody has met yet.
        initialQuerySelfInterval: 30_000,
        querySelfInterval: 300_000,
      }),
      reach: toReach,
    },
  }
  try {
    const host: Host = await createLibp2p<HostServices>(options)
    host.services.reach.confirmAll()
    return host
  } catch (thrown) {
    throw await toListenError(listen, thrown)
  }
}

/** Closes listeners and connections. */
export async function closeHost(host: Host): Promise<void> {
  releaseHeartbeat(host.services.gossip)
  await host.stop()
}

/** gossipsub leaves the timer of its next heartbeat behind, which would keep the process alive for that long. */
function releaseHeartbeat(gossip: object): void {
  const status: unknown = 'status' in gossip ? gossip.status : undefined
  if (typeof status !== 'object' || status === null || !('heartbeatTimeout' in status)) return
  const timer: unknown = status.heartbeatTimeout
  if (typeof timer === 'object' && timer !== null && 'unref' in timer && typeof timer.unref === 'function')
    timer.unref()
}

const MUXER = {
  maxInboundStreams: CONNECTION_STREAMS_MAX,
  maxOutboundStreams: CONNECTION_STREAMS_MAX,
  streamOptions: {
    maxStreamWindowSize: STREAM_WINDOW_BYTES,
    // What was sent ahead must fit while the reader pauses, otherwise the stream would be reset.
    maxReadBufferLength: 4 * STREAM_WINDOW_BYTES,
  },
}

function connectionLimits(config: NetworkConfig) {
  return {
    maxConnections: config.connectionsMax,
    maxParallelDials: 64,
    dialTimeout: config.dialTimeoutMs,
    addressDialTimeout: config.dialTimeoutMs,
    inboundConnectionThreshold: config.hasHostLimits ? HOST_CONNECTIONS_PER_SECOND : Number.POSITIVE_INFINITY,
    maxIncomingPendingConnections: config.hasHostLimits ? PENDING_CONNECTIONS_MAX : Number.POSITIVE_INFINITY,
    reconnectRetries: 0,
  }
}

/**
 * Strict signing: the author of a message is who signed it, whoever passed it on. Own messages do not come back. Peers on
 * one host or behind one NAT are no sign of an attack in a network with a key, so that part of the score is off.
 */
function gossipOptions(config: GossipConfig): Partial<GossipsubOpts> {
  const factor = config.degreeFactor
  return {
    globalSignaturePolicy: StrictSign,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    floodPublish: config.isFlooded,
    doPX: false,
    D: 6 * factor,
    Dlo: 5 * factor,
    Dhi: 12 * factor,
    Dscore: 4 * factor,
    Dout: 2 * factor,
    Dlazy: 6 * factor,
    heartbeatInterval: config.heartbeatMs,
    mcacheLength: config.historyLength,
    mcacheGossip: config.historyGossip,
    seenTTL: config.seenTtlMs,
    fastMsgIdFn: copyKey,
    maxInboundDataLength: 4 * PUBLISH_BYTES_MAX,
    maxOutboundBufferSize: 16 * PUBLISH_BYTES_MAX,
    scoreParams: { IPColocationFactorWeight: 0 },
  }
}

/** libp2p holds public addresses back until a stranger has confirmed them; here the operator has by listening there. */
function toReach({ transportManager, addressManager }: ReachComponents): Reach {
  return {
    confirmAll() {
      for (const address of transportManager.getAddrs()) {
        addressManager.confirmObservedAddr(address, { type: 'transport', ttl: FOREVER_MS })
      }
    },
  }
}

function toPrivateKey(identity: Identity): PrivateKey {
  return privateKeyFromProtobuf(identity.privateKey)
}

function toTcp(addresses: readonly string[], logger: Logger): readonly string[] {
  const usable = addresses.filter(address => /^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+\/tcp\/\d+$/.test(address))
  for (const address of addresses) {
    if (!usable.includes(address))
      logger.warn('a listen address is passed over: only TCP is supported', { address })
  }
  if (usable.length > 0) return usable
  throw new ClusterError(
    'CONFIG_INVALID',
    `cluster.listen_multiaddress has no TCP address such as /ip4/0.0.0.0/tcp/9096 but ${addresses.join(', ')}`,
  )
}

/** libp2p tells only in words why it cannot listen, so each address is tried once more to learn the system's code. */
async function toListenError(addresses: readonly string[], thrown: unknown): Promise<ClusterError> {
  for (const address of addresses) {
    const code = await listenCode(multiaddr(address))
    if (code === 'EADDRINUSE') {
      return new ClusterError(
        'CONFLICT',
        `cannot listen on ${address}: the port is in use by another process; stop it, or change cluster.listen_multiaddress`,
        { cause: thrown, details: { address } },
      )
    }
    if (code !== undefined) {
      return new ClusterError(
        'CONFIG_INVALID',
        `cannot listen on ${address} (${code}): change cluster.listen_multiaddress to an address of this machine and a port that this user may open`,
        { cause: thrown, details: { address } },
      )
    }
  }
  return new ClusterError('CONFIG_INVALID', `cannot start the network: ${messageOf(thrown)}`, {
    cause: thrown,
  })
}

function listenCode(address: Multiaddr): Promise<string | undefined> {
  const [host, port] = address.getComponents()
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const server = createServer()
  server.once('error', error => resolve('code' in error ? String(error.code) : error.message))
  server.listen({ host: host?.value ?? '', port: Number(port?.value) }, () =>
    server.close(() => resolve(undefined)),
  )
  return promise
}
