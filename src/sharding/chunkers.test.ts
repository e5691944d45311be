import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { PLAIN_ADD } from '../../test/support/plain-add.ts'
import { concatBytes } from '../lib/bytes.ts'
import type { AddEntry } from '../model/add.ts'
import { parseChunker } from './chunkers.ts'
import { importContent } from './import-content.ts'

const noise = (length: number) =>
  new Uint8Array(createHash('shake256', { outputLength: length }).update('noise').digest())

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

test('whoever stops an import is heard within one piece of the content, however small the chunks', async () => {
  for (const chunker of ['size-1', 'rabin-16-17-18']) {
    const stop = new AbortController()
    let blocks = 0
    const put = async () => void (blocks += 1)
    const content = noise(2_000_000)
    const entries = (async function* (): AsyncGenerator<AddEntry> {
      yield { kind: 'file', path: 'f', content: inPieces(content, content.length) }
    })()
    const params = { ...PLAIN_ADD, chunker }
    const importing = assert.rejects(
      async () => {
        for await (const _record of importContent(entries, params, put, stop)) continue
      },
      { message: 'left' },
    )
    let turns = 0
    while (turns < 50) {
      await new Promise(resolve => setImmediate(resolve))
      turns += 1
    }
    stop.abort(new Error('left'))
    const before = blocks
    await importing
    assert.ok(before > 100 && blocks - before <= 64, `${before} blocks, then ${blocks - before}`)
  }
})

test('pieces of one size come out the same however the content comes in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 70 }),
      async (bytes, size, pieceBytes) => {
        const chunks: Uint8Array[] = []
        for await (const chunk of parseChunker(`size-${size}`)(inPieces(bytes, pieceBytes)))
          chunks.push(chunk)
        assert.deepEqual(concatBytes(chunks), bytes)
        assert.ok(chunks.slice(0, -1).every(({ length }) => length === size))
        assert.equal(chunks.length, Math.max(1, Math.ceil(bytes.length / size)))
      },
    ),
  )
})
