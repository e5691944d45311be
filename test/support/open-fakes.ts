import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { createIdentity } from '../../src/model/identity.ts'
import type { OpenNetworks } from '../contracts/network.ts'
import { fakeNetwork } from './fake-network.ts'

/** Peers of a hub in memory, all connected, on the clock of the machine. */
export const openFakes: OpenNetworks = async count => {
  const hub = fakeNetwork({ clock: systemClock, random: systemRandom })
  const networks = Array.from({ length: count }, () => hub.join(createIdentity().id))
  return {
    networks,
    async [Symbol.asyncDispose]() {
      for (const network of networks) await network[Symbol.asyncDispose]()
    },
  }
}
