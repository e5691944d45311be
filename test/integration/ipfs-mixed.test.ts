import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import type { Ipfs } from '../../src/interfaces.ts'
import { openKubo } from '../../src/ipfs/kubo/kubo.ts'
import { concatBytes, equalBytes } from '../../src/lib/bytes.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { openEmbeddedNode } from '../support/embedded-node.ts'
import { findKubo, startKubo } from '../support/kubo.ts'
import { sampleBytes, sampleFile, streamOf } from '../support/sample-dag.ts'
import { silentLogger } from '../support/silent-logger.ts'

const binary = await findKubo()
const LIMIT_MS = 60_000

if (binary === undefined) {
  test(
    'embedded nodes and Kubo read from each other',
    { skip: 'no Kubo: put ipfs on the PATH or name it in KUBO_BIN' },
    () => undefined,
  )
} else {
  suite('embedded nodes and Kubo read from each other', () => {
    for (const dialer of ['embedded', 'kubo'] as const) {
      test(`over a connection that the ${dialer} node made`, () => exchangeBothWays(binary, dialer))
    }
  })
}

async function exchangeBothWays(path: string, dialer: 'embedded' | 'kubo'): Promise<void> {
  await using running = await startKubo(path)
  await using kubo = await openKubo(
    { clock: systemClock, logger: silentLogger(), meter: createNoopMeter() },
    {
      nodeAddress: running.rpcAddress,
      requestTimeoutMs: 30_000,
      pinTimeoutMs: 10_000,
      unpinTimeoutMs: 10_000,
      repoGcTimeoutMs: 10_000,
      isUnpinDisabled: false,
    },
  )
  await using node = await openEmbeddedNode({ pinTimeoutMs: 10_000 })
  const embedded = node.ipfs
  const options = { signal: AbortSignal.timeout(LIMIT_MS) }
  const [from, to] = dialer === 'embedded' ? [embedded, kubo] : [kubo, embedded]
  const { addresses } = await to.id(options)
  await from.swarmConnect(addresses[0] ?? '', options)
  await moves(embedded, kubo)
  await moves(kubo, embedded)
}

/** Content that one node has is pinned and read through the other: small blocks, large ones, old CIDs. */
async function moves(from: Ipfs, to: Ipfs): Promise<void> {
  const options = { signal: AbortSignal.timeout(LIMIT_MS) }
  const kinds = [
    { length: 300_000, chunkBytes: 1000 },
    { length: 8_000_000, chunkBytes: 1_000_000 },
    { length: 100_000, chunkBytes: 5000, cidVersion: 0, rawLeaves: false },
  ] as const
  for (const { length, ...kind } of kinds) {
    const bytes = sampleBytes(length, randomUUID())
    const { root, blocks } = await sampleFile(bytes, kind)
    await from.putBlocks(streamOf(blocks), options)
    await to.pin(root, 'recursive', options)
    assert.equal(await to.pinned(root, options), 'recursive')
    const parts: Uint8Array[] = []
    for await (const part of to.cat(root, options)) parts.push(part)
    assert.ok(equalBytes(concatBytes(parts), bytes))
  }
}
