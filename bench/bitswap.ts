/**
 * What a node receives when several connected nodes hold the content that it fetches, and how long it takes. All nodes
 * are in one process and talk TCP over loopback: they share one thread, and messages take no time on the way.
 *
 *   node bench/bitswap.ts [MEGABYTES=20] [LEAF_KIB=256] [providers…=1 3 8]
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { openBitswap } from '../src/ipfs/embedded/bitswap/bitswap.ts'
import { FrameCutter } from '../src/ipfs/embedded/bitswap/frames.ts'
import { decodeMessage } from '../src/ipfs/embedded/bitswap/message.ts'
import { BlockFiles } from '../src/ipfs/embedded/block-files.ts'
import { BlockSource } from '../src/ipfs/embedded/block-source.ts'
import { linksOf } from '../src/ipfs/embedded/dag-links.ts'
import { walkDag } from '../src/ipfs/embedded/dag-walk.ts'
import { openHost } from '../src/ipfs/embedded/host.ts'
import { systemClock } from '../src/lib/clock.ts'
import type { Cid } from '../src/model/cid.ts'
import { createIdentity } from '../src/model/identity.ts'
import { embeddedConfig, temporaryFolder } from '../test/support/embedded-node.ts'
import { rawBlock, type SampleDag, sampleBytes, sampleFile } from '../test/support/sample-dag.ts'
import { silentLogger } from '../test/support/silent-logger.ts'

const LIMIT_MS = 120_000
const QUIET_MS = 500
const PARALLEL = 32
const RUNS = 3

/** A node without pins: host, blocks on disk, bitswap. Every part of a bitswap stream that comes in goes to `tap()`. */
async function openNode(tap: () => (part: Uint8Array) => void) {
  await using parts = new AsyncDisposableStack()
  const config = embeddedConfig(parts.use(await temporaryFolder()).path)
  const [clock, logger] = [systemClock, silentLogger()]
  const files = parts.use(await BlockFiles.open(clock, config))
  const host = parts.use(await openHost({ clock, logger, identity: createIdentity() }, config))
  const { libp2p } = host
  const handle = libp2p.handle.bind(libp2p)
  libp2p.handle = (protocols, handler, options) => {
    const tapped: typeof handler = (stream, connection) => {
      const take = tap()
      stream.addEventListener('message', ({ data }) => take(data.subarray()))
      return handler(stream, connection)
    }
    return handle(protocols, tapped, options)
  }
  const exchange = parts.use(await openBitswap({ clock, logger, libp2p, files, hasRouting: false }))
  const source = new BlockSource({ logger, files, exchange })
  const open = parts.move()
  return { host, source, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** Reads what a provider is told, and counts wants of blocks and cancels. */
function countEntries(count: { wants: number; cancels: number }): (part: Uint8Array) => void {
  const cutter = new FrameCutter()
  return part => {
    for (const message of cutter.push(part)) {
      for (const { kind } of decodeMessage(message).wants) {
        if (kind === 'block') count.wants++
        if (kind === undefined) count.cancels++
      }
    }
  }
}

async function fetchAll(source: BlockSource, root: Cid): Promise<void> {
  const options = { parallel: PARALLEL, signal: AbortSignal.timeout(LIMIT_MS) }
  await walkDag(root, options, async (cid, signal) => linksOf(cid, await source.get(cid, signal)))
}

async function measure(providersCount: number, dag: SampleDag) {
  await using nodes = new AsyncDisposableStack()
  const count = { bytes: 0, wants: 0, cancels: 0 }
  const fetcher = nodes.use(
    await openNode(() => part => {
      count.bytes += part.length
    }),
  )
  for (let at = 0; at < providersCount; at++) {
    const provider = nodes.use(await openNode(() => countEntries(count)))
    for (const { cid, bytes } of dag.blocks) await provider.source.put(cid, bytes)
    const address = provider.host.libp2p.getMultiaddrs()[0]?.toString() ?? ''
    await fetcher.host.connect(address, AbortSignal.timeout(LIMIT_MS))
    // Only this provider has it: when it is here, both sides know that the other speaks bitswap.
    const greeting = await rawBlock(sampleBytes(100, `provider ${at}`))
    await provider.source.put(greeting.cid, greeting.bytes)
    await fetchAll(fetcher.source, greeting.cid)
  }
  Object.assign(count, { bytes: 0, wants: 0, cancels: 0 })
  const start = performance.now()
  await fetchAll(fetcher.source, dag.root)
  const ms = performance.now() - start
  // What was under way when the last block came still counts.
  for (let before = -1; before !== count.bytes; ) {
    before = count.bytes
    await sleep(QUIET_MS)
  }
  return { ...count, ms }
}

const [megabytes = 20, leafKib = 256, ...counts] = process.argv.slice(2).map(Number)
const dag = await sampleFile(sampleBytes(megabytes * 1e6, 'bench'), { chunkBytes: leafKib * 1024 })
const dagBytes = dag.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
console.log(
  `${dag.blocks.length} blocks, ${(dagBytes / 1e6).toFixed(2)} MB; each figure the median of ${RUNS} runs\n`,
)
console.log('| providers | received | × needed | time | wants of blocks | cancels |')
console.log('| ---: | ---: | ---: | ---: | ---: | ---: |')
for (const providersCount of counts.length > 0 ? counts : [1, 3, 8]) {
  const runs: Awaited<ReturnType<typeof measure>>[] = []
  for (let run = 0; run < RUNS; run++) runs.push(await measure(providersCount, dag))
  const median = (of: (run: (typeof runs)[number]) => number) =>
    runs.map(of).sort((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0
  const bytes = median(run => run.bytes)
  console.log(
    `| ${providersCount} | ${(bytes / 1e6).toFixed(1)} MB | ${(bytes / dagBytes).toFixed(2)} | ${(median(run => run.ms) / 1000).toFixed(2)} s | ${median(run => run.wants)} | ${median(run => run.cancels)} |`,
  )
}
