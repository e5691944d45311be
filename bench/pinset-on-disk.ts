import { createNoopMeter } from '@opentelemetry/api'
import { Create } from 'typebox/value'
import { consensusSchema, toConsensusConfig } from '../src/consensus/config.ts'
import { openPinset } from '../src/consensus/pinset.ts'
import type { Consensus, Network } from '../src/interfaces.ts'
import { systemClock } from '../src/lib/clock.ts'
import { systemRandom } from '../src/lib/random.ts'
import type { Identity } from '../src/model/identity.ts'
import { openLevel } from '../src/store/level.ts'
import { type FakeNetwork, fakeNetwork } from '../test/support/fake-network.ts'
import { silentLogger } from '../test/support/silent-logger.ts'

/** A pinset as a peer has it: on LevelDB in a folder, with the default settings. */
export interface PinsetOnDisk extends AsyncDisposable {
  readonly pinset: Consensus
  readonly self: string
  /** Bytes that went over its own requests, there and back. */
  readonly requestedBytes: number
}

/** Peers in this process. */
export function openHub(): FakeNetwork {
  return fakeNetwork({ clock: systemClock, random: systemRandom })
}

/** Opens the pinset of a peer that takes part in the hub. */
export async function openPinsetOnDisk(
  folder: string,
  { hub, identity }: { readonly hub: FakeNetwork; readonly identity: Identity },
): Promise<PinsetOnDisk> {
  await using parts = new AsyncDisposableStack()
  const seams = { clock: systemClock, random: systemRandom, logger: silentLogger(), meter: createNoopMeter() }
  const store = parts.use(await openLevel(folder))
  const count = { bytes: 0 }
  const network = counting(parts.use(hub.join(identity.id)), count)
  const config = toConsensusConfig(Create(consensusSchema))
  const pinset = parts.use(await openPinset({ identity, network, store, ...seams }, config))
  const open = parts.move()
  return {
    pinset,
    self: identity.id,
    get requestedBytes() {
      return count.bytes
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

function counting(network: Network, count: { bytes: number }): Network {
  async function* counted(messages: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const message of messages) {
      count.bytes += message.length
      yield message
    }
  }
  const request: Network['request'] = (to, protocol, input, options) =>
    counted(network.request(to, protocol, counted(input), options))
  return new Proxy(network, {
    get(target, key) {
      if (key === 'request') return request
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
