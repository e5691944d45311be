import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Block } from '../interfaces.ts'
import { BlockWriter } from './block-writer.ts'
import { DirectoryTree } from './directory-tree.ts'

function open(packedBytesMax?: number) {
  const blocks: Block[] = []
  const writer = new BlockWriter({ hash: 'sha2-256', cidVersion: 1 }, async block => void blocks.push(block))
  return { blocks, writer, tree: new DirectoryTree(writer, packedBytesMax) }
}

test('a directory is written as soon as it is left', async () => {
  const { blocks, writer, tree } = open()
  const leaf = await writer.rawLeaf(Uint8Array.of(1))
  await tree.add(['r', 'a', 'x'], leaf)
  assert.equal(blocks.length, 1)
  await tree.add(['r', 'b', 'x'], leaf)
  assert.equal(blocks.length, 2)
})

test('a directory that was forgotten cannot be entered again, and the error says what to do', async () => {
  const { writer, tree } = open(10)
  const leaf = await writer.rawLeaf(Uint8Array.of(1))
  await tree.add(['r', 'a', 'x'], leaf)
  await tree.add(['r', 'b', 'x'], leaf)
  await assert.rejects(
    tree.add(['r', 'a', 'y'], leaf),
    /"r\/a" come long after it was left: send them together/,
  )
})

test('names that share a beginning are different directories', async () => {
  const { writer, tree } = open()
  const leaf = await writer.rawLeaf(Uint8Array.of(1))
  await tree.add(['r', 'ab', 'x'], leaf)
  await tree.add(['r', 'a', 'x'], leaf)
  await tree.add(['r', 'ab', 'y'], leaf)
  const names: string[] = []
  for await (const { name } of tree.finish(false)) names.push(name)
  assert.deepEqual(names, ['r/a', 'r/ab', 'r'])
})
