import { ClusterError, toClusterError } from '../errors.ts'
import type { Block, Options } from '../interfaces.ts'
import { Channel } from '../lib/channel.ts'
import { cidKey } from '../model/cid.ts'
import type { PeerId } from '../model/peer.ts'
import type { ClusterComponents } from './components.ts'
import { onlyAnswer } from './fan-out.ts'

/** What sending blocks needs. */
export type SpreadComponents = Pick<ClusterComponents, 'clock' | 'ipfs' | 'logger' | 'rpc' | 'self'>

/** Blocks on their way to several peers at once. Disposal stops what is under way. */
export interface BlockSpread extends AsyncDisposable {
  /** Hands a block to every destination; waits for the slowest to have room. Throws when all have failed. */
  put(block: Block): Promise<void>
  /** Waits until every destination has stored its blocks; answers with those that failed. Throws when all have. */
  finish(): Promise<ReadonlySet<PeerId>>
}

const WAITING_BYTES_MAX = 4 * 1024 * 1024
/** What a block counts for besides its bytes: otherwise millions of tiny ones could wait. */
const BLOCK_BYTES = 512
/** A destination that takes no block for so long has failed, and no longer holds up the others. */
const STALL_MS = 60_000
/** How many of the last blocks are remembered, so that a run of equal ones is sent once. */
const REMEMBERED_BLOCKS = 2

class Destination {
  readonly peer: PeerId
  readonly waiting = new Channel<Block>({
    max: WAITING_BYTES_MAX,
    costOf: block => block.bytes.length + BLOCK_BYTES,
  })
  readonly stopping = new AbortController()
  readonly #over = Promise.withResolvers<void>()
  failure: ClusterError | undefined

  constructor(peer: PeerId) {
    this.peer = peer
  }

  /** Resolves when it has stored everything, or has failed. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  end(): void {
    this.#over.resolve()
  }

  fail(error: ClusterError): void {
    this.failure ??= error
    this.waiting.abandon()
    this.stopping.abort(error)
    this.#over.resolve()
  }
}

/**
 * Sends blocks to the IPFS nodes of several peers. A destination that fails is logged and dropped; at most 4 MiB and a
 * block wait for each.
 */
export function spreadBlocks(
  components: SpreadComponents,
  peers: readonly PeerId[],
  { signal }: Options,
): BlockSpread {
  const destinations = peers.map(peer => new Destination(peer))
  const runs = destinations.map(destination => run(components, destination, signal))
  const remembered: string[] = []
  return {
    async put(block) {
      const key = cidKey(block.cid)
      if (remembered.includes(key)) return
      remembered.push(key)
      if (remembered.length > REMEMBERED_BLOCKS) remembered.shift()
      const live = destinations.filter(({ failure }) => failure === undefined)
      await Promise.all(live.map(to => withStall(components, to, to.waiting.push(block))))
      signal.throwIfAborted()
      refuseIfAllFailed(destinations)
    },
    async finish() {
      for (const { waiting } of destinations) waiting.close()
      await Promise.all(destinations.map(to => withStall(components, to, to.over)))
      signal.throwIfAborted()
      refuseIfAllFailed(destinations)
      return new Set(destinations.filter(({ failure }) => failure !== undefined).map(({ peer }) => peer))
    },
    async [Symbol.asyncDispose]() {
      for (const destination of destinations) {
        destination.fail(new ClusterError('NOT_READY', 'the upload has ended'))
      }
      await Promise.all(runs)
    },
  }
}

async function run(components: SpreadComponents, to: Destination, signal: AbortSignal): Promise<void> {
  const { ipfs, logger, rpc, self } = components
  const options = { signal: AbortSignal.any([signal, to.stopping.signal]) }
  try {
    if (to.peer === self) await ipfs.putBlocks(to.waiting, options)
    else {
      const sent = { blocks: 0 }
      const { blocks } = await onlyAnswer(rpc.call(to.peer, 'putBlocks', count(to.waiting, sent), options))
      if (blocks !== sent.blocks) {
        throw new ClusterError('INTERNAL', `the peer stored ${blocks} of ${sent.blocks} blocks`)
      }
    }
    to.end()
  } catch (thrown) {
    if (to.failure?.code === 'NOT_READY' || signal.aborted) return to.fail(toClusterError(thrown))
    to.fail(toClusterError(thrown))
    logger.warn('a peer takes no more blocks of an upload', { peer: to.peer, error: to.failure })
  }
}

async function* count(blocks: AsyncIterable<Block>, sent: { blocks: number }): AsyncGenerator<Block> {
  for await (const block of blocks) {
    sent.blocks++
    yield block
  }
}

async function withStall(
  { clock }: SpreadComponents,
  to: Destination,
  task: Promise<unknown>,
): Promise<void> {
  using _timer = clock.schedule(STALL_MS, () =>
    to.fail(new ClusterError('TIMEOUT', `peer ${to.peer} took no block for ${STALL_MS / 1000} s`)),
  )
  await task
}

function refuseIfAllFailed(destinations: readonly Destination[]): void {
  const failures = destinations.map(({ failure }) => failure)
  if (failures.length > 0 && !failures.every(failure => failure !== undefined)) return
  const [first] = failures
  const why = first === undefined ? 'there are none' : first.message
  throw new ClusterError('IPFS_UNAVAILABLE', `failed to put block on all destinations: ${why}`, {
    cause: first,
  })
}
