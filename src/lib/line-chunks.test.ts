import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type NumberedLine, readLineChunks } from './line-chunks.ts'

async function linesOf(pieces: readonly Uint8Array[], charactersMax = 1000, linesMax = 1000) {
  const chunks: (readonly NumberedLine[])[] = []
  async function* source() {
    yield* pieces
  }
  for await (const chunk of readLineChunks(source(), { charactersMax, linesMax })) chunks.push(chunk)
  return chunks
}

test('however a text is cut into pieces, its lines are the same, with their numbers, without blank ones', async () => {
  const anyText = fc.array(fc.constantFrom('a', 'ü', '🌍', ' ', '\n', '\r\n'), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(
      anyText,
      fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
      async (characters, sizes) => {
        const bytes = Buffer.from(characters.join(''))
        const pieces: Uint8Array[] = []
        let at = 0
        while (at < bytes.length) {
          const size = sizes.next().value ?? 1
          pieces.push(bytes.subarray(at, at + size))
          at += size
        }
        const expected = characters
          .join('')
          .split('\n')
          .map((text, index) => ({ line: index + 1, text }))
          .filter(({ text }) => text.trim() !== '')
        assert.deepEqual((await linesOf(pieces)).flat(), expected)
      },
    ),
  )
})

test('a line that is too long is told by its number, and the next is read again', async () => {
  const long = Buffer.from('x'.repeat(40))
  const pieces = [Buffer.from('a\n'), long, long, Buffer.from('\nb\n12345678901\n'), long]
  assert.deepEqual((await linesOf(pieces, 10)).flat(), [
    { line: 1, text: 'a' },
    { line: 2, text: undefined },
    { line: 3, text: 'b' },
    { line: 4, text: undefined },
    { line: 5, text: undefined },
  ])
})

test('a chunk has no more lines than allowed, and what arrived together is together', async () => {
  const chunks = await linesOf([Buffer.from('1\n2\n3\n4\n5\n6'), Buffer.from('\n7')], 10, 2)
  assert.deepEqual(
    chunks.map(chunk => chunk.map(({ text }) => text)),
    [['1', '2'], ['3', '4'], ['5'], ['6'], ['7']],
  )
})
