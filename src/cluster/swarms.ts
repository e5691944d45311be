import { wasStopped } from '../errors.ts'
import type { Options, PeerHello } from '../interfaces.ts'
import type { PeerId } from '../model/peer.ts'
import type { ClusterComponents } from './components.ts'
import { fanOut } from './fan-out.ts'

/** What connecting IPFS nodes needs. */
export type SwarmComponents = Pick<ClusterComponents, 'clock' | 'ipfs' | 'logger' | 'monitor' | 'self'>

/** How long to gather news before connecting, and how often to look again. */
export interface SwarmConfig {
  readonly delayMs: number
  readonly everyMs: number
}

const CONNECT_LIMIT_MS = 10_000
const PASS_LIMIT_MS = 60_000

/**
 * Keeps the IPFS nodes of the live peers connected to the one of this peer, so that they find each other's blocks. Looks
 * soon after a heartbeat says something new of an IPFS node, and every now and then. Failures are no more than a hint.
 */
export function connectSwarms(components: SwarmComponents, config: SwarmConfig): AsyncDisposable {
  const { clock, monitor, self } = components
  const stopping = new AbortController()
  const known = new Map<PeerId, string>()
  let timer: Disposable | undefined
  let dueMs = Number.POSITIVE_INFINITY
  let pass: Promise<void> = Promise.resolve()
  let isPassing = false

  const lookIn = (ms: number): void => {
    const atMs = clock.monotonic() + ms
    if (stopping.signal.aborted || atMs >= dueMs) return
    timer?.[Symbol.dispose]()
    dueMs = atMs
    timer = clock.schedule(ms, look)
  }
  const look = (): void => {
    dueMs = Number.POSITIVE_INFINITY
    if (isPassing) return lookIn(config.delayMs)
    isPassing = true
    pass = connectAll(components, stopping.signal).finally(() => {
      isPassing = false
    })
    lookIn(config.everyMs)
  }
  const listening = monitor.onMetric(({ peer }) => {
    if (peer === self) return
    const news = newsOf(monitor.hello(peer))
    if (news === '' || known.get(peer) === news) return
    if (known.size > 2 * monitor.peers().length + 16) known.clear()
    known.set(peer, news)
    lookIn(config.delayMs)
  })
  lookIn(config.delayMs)
  return {
    async [Symbol.asyncDispose]() {
      listening[Symbol.dispose]()
      stopping.abort(new DOMException('stopped', 'AbortError'))
      timer?.[Symbol.dispose]()
      await pass
    },
  }
}

function newsOf(hello: PeerHello | undefined): string {
  return hello?.ipfsId === undefined ? '' : [hello.ipfsId, ...hello.ipfsAddresses].join(' ')
}

async function connectAll(components: SwarmComponents, signal: AbortSignal): Promise<void> {
  const { clock, ipfs, logger, monitor, self } = components
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_LIMIT_MS)])
    const connected = new Set(await ipfs.swarmPeers({ signal: limited }))
    const ownIpfs = monitor.hello(self)?.ipfsId
    const missing = monitor.peers().filter(peer => {
      const id = monitor.hello(peer)?.ipfsId
      return peer !== self && id !== undefined && id !== ownIpfs && !connected.has(id)
    })
    const connect = (peer: PeerId, options: Options) => connectOne(components, peer, options)
    for await (const answer of fanOut(missing, connect, { signal, clock, limitMs: PASS_LIMIT_MS })) {
      if ('error' in answer)
        logger.debug('the IPFS node of a peer is not reached', { peer: answer.peer, error: answer.error })
    }
  } catch (error) {
    if (!wasStopped(error, signal)) logger.debug('IPFS nodes are not connected now', { error })
  }
}

/** Tries the addresses one after the other until one works. */
async function connectOne(
  { ipfs, monitor }: SwarmComponents,
  peer: PeerId,
  { signal }: Options,
): Promise<void> {
  const hello = monitor.hello(peer)
  let failure: unknown
  for (const address of hello?.ipfsAddresses ?? []) {
    try {
      await ipfs.swarmConnect(withPeer(address, hello?.ipfsId), {
        signal: AbortSignal.any([signal, AbortSignal.timeout(CONNECT_LIMIT_MS)]),
      })
      return
    } catch (error) {
      signal.throwIfAborted()
      failure = error
    }
  }
  if (failure !== undefined) throw failure
}

function withPeer(address: string, id: PeerId | undefined): string {
  return address.includes('/p2p/') || id === undefined ? address : `${address}/p2p/${id}`
}
