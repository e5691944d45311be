import { withBitswap } from '@helia/bitswap'
import type { Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import { ClusterError } from '../../errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Cid } from '../../model/cid.ts'
import { multihashHasher } from '../hashing.ts'
import { OneAtATime } from '../one-at-a-time.ts'
import type { BlockFiles } from './block-files.ts'
import { blockKey } from './block-key.ts'
import type { Exchange } from './block-source.ts'

/** What the exchange needs. */
export interface ExchangeComponents {
  readonly clock: Clock
  readonly libp2p: Libp2p
  readonly files: BlockFiles
  /** Whether the DHT may be asked who has a block. */
  readonly hasRouting: boolean
}

/** The part of Helia's bitswap that is used. */
interface Broker {
  retrieve(cid: CID, options: { signal: AbortSignal }): Promise<Uint8Array>
  announce(cid: CID): Promise<void>
  stop(): Promise<void>
}

const ASK_AGAIN_MS = 30_000
const ASK_PAUSE_MS = 100
const LOOK_UP_AFTER_MS = 1000

/** Exchanges blocks by bitswap 1.2 with every connected node that speaks it. */
export async function openBitswap(components: ExchangeComponents): Promise<Exchange & AsyncDisposable> {
  const { clock } = components
  const broker = await startBroker(components)
  return {
    fetch: async (cid, signal) => {
      for (;;) {
        const again = new AbortController()
        using _timer = clock.schedule(ASK_AGAIN_MS, () =>
          again.abort(new DOMException('ask again', 'AbortError')),
        )
        try {
          return await broker.retrieve(cid, { signal: AbortSignal.any([signal, again.signal]) })
        } catch (thrown) {
          if (signal.aborted) throw signal.reason
          if (!again.signal.aborted) throw unanswered(cid, thrown)
        }
        // A message may have been lost. The old want is forgotten a moment after its end, not at once.
        await clock.sleep(ASK_PAUSE_MS, signal)
      }
    },
    announce: cid => broker.announce(cid),
    [Symbol.asyncDispose]: () => broker.stop(),
  }
}

/** The package offers bitswap only as a part that a Helia node takes in, so it gets as much of one as it looks at. */
async function startBroker(components: ExchangeComponents): Promise<Broker> {
  const { libp2p, files } = components
  const mixins: { start(node: unknown): Promise<void> }[] = []
  const brokers: Broker[] = []
  const node = {
    status: 'starting',
    libp2p,
    logger: libp2p.logger,
    blockstore: blockstoreOf(files),
    routing: routingOf(components),
    getHasher: multihashHasher,
    hasBlockBroker: () => false,
    addMixin: (mixin: { start(node: unknown): Promise<void> }) => void mixins.push(mixin),
    addBlockBroker: (broker: Broker) => void brokers.push(broker),
  }
  withBitswap(node)
  for (const mixin of mixins) await mixin.start(node)
  const [broker] = brokers
  if (broker === undefined) throw new ClusterError('INTERNAL', 'bitswap did not start')
  return broker
}

/** What bitswap serves from. Asked only for what it was told to be there. */
function blockstoreOf(files: BlockFiles) {
  return {
    has: (cid: Cid) => files.has(blockKey(cid)),
    get: async function* (cid: Cid): AsyncGenerator<Uint8Array> {
      const bytes = await files.read(blockKey(cid))
      if (bytes === undefined) throw new NotFoundError(`no block ${cid.toString()}`)
      yield bytes
    },
  }
}

/** Bitswap tells this error from others by its name. */
class NotFoundError extends Error {
  override readonly name = 'NotFoundError'
}

/** Looks for providers in the DHT, if nobody connected has answered for a second; one look-up at a time. */
function routingOf({ libp2p, clock, hasRouting }: ExchangeComponents) {
  const lookUps = new OneAtATime()
  return {
    findProviders: async function* (cid: CID, options: { signal?: AbortSignal } = {}) {
      const { signal } = options
      if (!hasRouting || signal === undefined) return
      await clock.sleep(LOOK_UP_AFTER_MS, signal)
      using _turn = await lookUps.enter(signal)
      for await (const provider of libp2p.contentRouting.findProviders(cid, { signal })) {
        yield {
          id: provider.id.toCID(),
          multiaddrs: provider.multiaddrs,
          router: provider.routing,
          fallback: false,
        }
      }
    },
  }
}

function unanswered(cid: Cid, cause: unknown): ClusterError {
  return new ClusterError(
    'IPFS_UNAVAILABLE',
    `block ${cid.toString()} could not be asked for on the IPFS network`,
    {
      cause,
    },
  )
}
