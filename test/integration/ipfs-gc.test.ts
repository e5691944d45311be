import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Block, Ipfs } from '../../src/interfaces.ts'
import { blockKey } from '../../src/ipfs/embedded/block-key.ts'
import { linksOf } from '../../src/ipfs/embedded/dag-links.ts'
import type { Cid } from '../../src/model/cid.ts'
import type { PinMode } from '../../src/model/pin.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { openNode, temporaryFolder } from '../support/embedded-node.ts'
import { cborBlock, rawBlock, sampleBytes, streamOf } from '../support/sample-dag.ts'

/** DAGs that share blocks: leaves 0–7, folders over some of them, and tops over some of the folders. */
interface World {
  readonly roots: readonly Cid[]
  readonly blocks: ReadonlyMap<string, Block>
}

type Step =
  | { readonly do: 'pin'; readonly root: number; readonly mode: PinMode }
  | { readonly do: 'unpin'; readonly root: number }
  | { readonly do: 'put'; readonly root: number }
  | { readonly do: 'gc' }

const roots = fc.integer({ min: 0, max: 5 })
const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('pin' as const),
      root: roots,
      mode: fc.constantFrom('recursive' as const, 'recursive' as const, 'direct' as const),
    }),
    fc.record({ do: fc.constant('unpin' as const), root: roots }),
    fc.record({ do: fc.constant('put' as const), root: roots }),
    fc.record({ do: fc.constant('gc' as const) }),
  ),
  { minLength: 3, maxLength: 14 },
)

test('collection that runs beside puts, pins and unpins removes no block of a pin, and in the end all others', async () => {
  await using folder = await temporaryFolder()
  await using ipfs = await openNode(folder.path, openMemoryStore(), {
    pinTimeoutMs: 60,
    requestTimeoutMs: 200,
  })
  let run = 0
  await fc.assert(
    fc.asyncProperty(steps, async steps => {
      const world = await makeWorld(`run ${run++}`)
      await Promise.all(steps.map(step => take(ipfs, world, step)))
      const needed = await neededBlocks(ipfs, world)
      const present = new Set(await readdir(join(folder.path, 'blocks'), { recursive: true }))
      for (const key of needed)
        assert.ok(present.has(join(key.slice(0, 2), key)), 'a block of a pin was removed')
      await drain(ipfs)
      const left = (await readdir(join(folder.path, 'blocks'), { recursive: true })).filter(
        name => name.length > 2,
      )
      assert.deepEqual(left.map(name => name.slice(3)).sort(), [...needed].sort())
      assert.equal((await ipfs.repoStat(limit())).sizeBytes, sizeOf(needed, world))
      for (const root of world.roots) await ipfs.unpin(root, limit())
      await drain(ipfs)
    }),
    { numRuns: 40 },
  )
})

async function makeWorld(seed: string): Promise<World> {
  const blocks = new Map<string, Block>()
  const add = (block: Block) => {
    blocks.set(blockKey(block.cid), block)
    return block.cid
  }
  const leaves: Cid[] = []
  for (let at = 0; at < 8; at++) leaves.push(add(await rawBlock(sampleBytes(40, `${seed}/${at}`))))
  const folders: Cid[] = []
  for (let at = 0; at < 4; at++) folders.push(add(await cborBlock({ seed, links: leaves.slice(at, at + 4) })))
  const roots: Cid[] = []
  for (let at = 0; at < 3; at++) roots.push(add(await cborBlock({ seed, links: folders.slice(at, at + 2) })))
  return { blocks, roots: [...roots, ...folders.slice(0, 2), ...leaves.slice(0, 1)] }
}

/** A pin may fail, since collection has taken blocks that nobody needed yet; what it answers must then be true. */
async function take(ipfs: Ipfs, world: World, step: Step): Promise<void> {
  if (step.do === 'gc') return await drain(ipfs).catch(ignore('CONFLICT'))
  const root = world.roots[step.root]
  assert.ok(root)
  if (step.do === 'put' || step.do === 'pin') {
    await ipfs.putBlocks(streamOf(under(world, root)), limit())
  }
  if (step.do === 'pin')
    await ipfs.pin(root, step.mode, limit()).catch(ignore('TIMEOUT', 'IPFS_REFUSED', 'STORE_FAILED'))
  if (step.do === 'unpin') await ipfs.unpin(root, limit())
}

function ignore(...codes: readonly string[]) {
  return (thrown: unknown) => {
    assert.ok(
      thrown instanceof Error && 'code' in thrown && codes.includes(String(thrown.code)),
      String(thrown),
    )
  }
}

function under(world: World, cid: Cid): readonly Block[] {
  const block = world.blocks.get(blockKey(cid))
  assert.ok(block)
  return [...linksOf(cid, block.bytes).flatMap(link => under(world, link)), block]
}

async function neededBlocks(ipfs: Ipfs, world: World): Promise<ReadonlySet<string>> {
  const needed = new Set<string>()
  for await (const [cid, mode] of ipfs.allPinned(limit())) {
    if (mode === 'direct') needed.add(blockKey(cid))
    else for (const block of under(world, cid)) needed.add(blockKey(block.cid))
  }
  return needed
}

function sizeOf(keys: ReadonlySet<string>, world: World): number {
  let bytes = 0
  for (const key of keys) bytes += world.blocks.get(key)?.bytes.length ?? 0
  return bytes
}

async function drain(ipfs: Ipfs): Promise<void> {
  for await (const { error } of ipfs.gc(limit())) assert.equal(error, undefined)
}

function limit() {
  return { signal: AbortSignal.timeout(30_000) }
}
