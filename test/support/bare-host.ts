import { systemClock } from '../../src/lib/clock.ts'
import { createIdentity } from '../../src/model/identity.ts'
import { closeHost, type Host, openHost } from '../../src/network/host.ts'
import { makeSecretGuard } from '../../src/network/secret-guard.ts'
import { testNetworkConfig } from './real-network.ts'
import { silentLogger } from './silent-logger.ts'

/** A libp2p host that the networks of tests can talk to, for what no `Network` would do of itself. */
export async function openBareHost(): Promise<AsyncDisposable & { readonly host: Host }> {
  const config = testNetworkConfig()
  const logger = silentLogger()
  const guard = makeSecretGuard(config.secret, { clock: systemClock, logger, onMismatch: () => undefined })
  const host = await openHost({ identity: createIdentity(), guard, logger }, config)
  return { host, [Symbol.asyncDispose]: () => closeHost(host) }
}
