import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { KEEP_ALIVE, type PeerId as LibPeerId, type Libp2p } from '@libp2p/interface'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { ClusterError, messageOf } from '../../errors.ts'
import type { Logger } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import { repeat } from '../../lib/repeat.ts'
import type { Identity } from '../../model/identity.ts'

/** Where the node listens and whom it knows. */
export interface HostConfig {
  readonly listenAddresses: readonly string[]
  readonly announceAddresses: readonly string[]
  readonly bootstrapAddresses: readonly string[]
}

const BOOTSTRAP_EVERY_MS = 60_000
const CONNECTIONS_MAX = 500
const DIAL_LIMIT_MS = 30_000

/** A libp2p host of an ordinary IPFS node: no cluster secret. With bootstrap nodes it asks the public DHT, as client. */
export interface Host extends AsyncDisposable {
  readonly libp2p: Libp2p
  readonly hasRouting: boolean
  /** Opens a connection, which may be closed again when there are many. `IPFS_REFUSED` when the node is not reached. */
  dial(address: string, signal: AbortSignal): Promise<void>
  /** The same, and keeps the connection up from then on. */
  connect(address: string, signal: AbortSignal): Promise<void>
}

/** Opens the host; listens when it resolves. `CONFIG_INVALID` when an address cannot be listened on. */
export async function openHost(
  {
    clock,
    logger,
    identity,
  }: { readonly clock: Clock; readonly logger: Logger; readonly identity: Identity },
  config: HostConfig,
): Promise<Host> {
  const hasRouting = config.bootstrapAddresses.length > 0
  const libp2p = await listen(identity, config, hasRouting)
  const open = async (address: string, signal: AbortSignal, isKept: boolean) => {
    try {
      const connection = await libp2p.dial(multiaddr(address), {
        signal: AbortSignal.any([signal, AbortSignal.timeout(DIAL_LIMIT_MS)]),
      })
      if (isKept) await keep(libp2p, connection.remotePeer)
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      throw new ClusterError('IPFS_REFUSED', `connect to ${address} failed: ${messageOf(cause)}`, { cause })
    }
  }
  const connect = (address: string, signal: AbortSignal) => open(address, signal, true)
  const joining = repeat(
    {
      clock,
      everyMs: BOOTSTRAP_EVERY_MS,
      isEager: true,
      onError: error => logger.warn('no bootstrap node of the DHT is reached', { error }),
    },
    async signal => {
      if (hasRouting && libp2p.getConnections().length === 0) {
        await Promise.any(config.bootstrapAddresses.map(address => connect(address, signal)))
      }
    },
  )
  return {
    libp2p,
    hasRouting,
    dial: (address, signal) => open(address, signal, false),
    connect,
    async [Symbol.asyncDispose]() {
      await joining[Symbol.asyncDispose]()
      await libp2p.stop()
    },
  }
}

async function listen(identity: Identity, config: HostConfig, hasRouting: boolean): Promise<Libp2p> {
  const base = {
    privateKey: privateKeyFromProtobuf(identity.privateKey),
    addresses: { listen: [...config.listenAddresses], announce: [...config.announceAddresses] },
    transports: [tcp()],
    streamMuxers: [yamux()],
    connectionEncrypters: [noise()],
    connectionManager: { maxConnections: CONNECTIONS_MAX },
    nodeInfo: { name: 'pinfold' },
  }
  const services = { identify: identify(), ping: ping() }
  try {
    if (!hasRouting) return await createLibp2p({ ...base, services })
    const dht = kadDHT({ protocol: '/ipfs/kad/1.0.0', clientMode: true, peerInfoMapper: passthroughMapper })
    return await createLibp2p({ ...base, services: { ...services, dht } })
  } catch (cause) {
    throw new ClusterError(
      'CONFIG_INVALID',
      `the embedded IPFS node cannot listen on ${config.listenAddresses.join(', ')} (${whyNot(cause)}): free the port or change ipfs_connector.embedded.listen_multiaddress`,
      { cause },
    )
  }
}

/** libp2p tells why it cannot listen only in many words, with traces: the system's code for it is enough. */
function whyNot(cause: unknown): string {
  const text = messageOf(cause)
  return /\bE[A-Z]{3,}\b/.exec(text)?.[0] ?? text
}

async function keep(libp2p: Libp2p, peer: LibPeerId): Promise<void> {
  await libp2p.peerStore.merge(peer, { tags: { [`${KEEP_ALIVE}-ipfs`]: { value: 100 } } })
}
