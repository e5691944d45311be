import { createNoopMeter } from '@opentelemetry/api'
import { Create } from 'typebox/value'
import type { Network } from '../../src/interfaces.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { createIdentity, type Identity } from '../../src/model/identity.ts'
import { type NetworkConfig, networkSchema, toNetworkConfig } from '../../src/network/config.ts'
import { openNetwork } from '../../src/network/network.ts'
import { type SilentLogger, silentLogger } from './silent-logger.ts'

/** The secret that the networks of tests share. */
export const TEST_SECRET = 'ab'.repeat(32)

/** A real host on a free port of the loopback, with what it logged. */
export interface RealNetwork {
  readonly network: Network
  readonly logger: SilentLogger
}

/** A configuration for tests: loopback, port 0. */
export function testNetworkConfig(changes: Partial<NetworkConfig> = {}): NetworkConfig {
  const section = {
    ...Create(networkSchema),
    secret: TEST_SECRET,
    listen_multiaddress: ['/ip4/127.0.0.1/tcp/0'],
  }
  return { ...toNetworkConfig(section), ...changes }
}

/** Opens a real host. */
export async function openRealNetwork(
  changes: Partial<NetworkConfig> = {},
  identity: Identity = createIdentity(),
  clock: Clock = systemClock,
): Promise<RealNetwork> {
  const logger = silentLogger()
  const parts = { identity, clock, random: systemRandom, logger, meter: createNoopMeter() }
  return { network: await openNetwork(parts, testNetworkConfig(changes)), logger }
}

/** Real hosts of which all but the first know only the first one's address. Opened at once, closed together. */
export async function openStar(
  count: number,
  changes: Partial<NetworkConfig> = {},
): Promise<AsyncDisposable & { readonly networks: readonly Network[] }> {
  const hub = await openRealNetwork(changes)
  const others = await Promise.all(
    Array.from({ length: count - 1 }, () =>
      openRealNetwork({ ...changes, peerAddresses: hub.network.addresses() }),
    ),
  )
  const networks = [hub, ...others].map(({ network }) => network)
  return {
    networks,
    async [Symbol.asyncDispose]() {
      await Promise.all(networks.map(network => network[Symbol.asyncDispose]()))
    },
  }
}
