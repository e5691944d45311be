import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ClusterError } from '../errors.ts'
import type { AddEntry } from '../model/add.ts'
import { boundaryOf, readParts } from './multipart.ts'
import { pathOf, readEntries } from './upload.ts'
import { encodeUpload } from './upload-body.ts'

async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncIterable<Uint8Array> {
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks).toString('latin1')
}

async function partsOf(body: string, sizes: readonly number[] = [1_000_000]) {
  const parts: string[] = []
  for await (const part of readParts(pieces(Buffer.from(body, 'latin1'), sizes), 'B'))
    parts.push(await textOf(part.content))
  return parts
}

const part = (content: string) => `--B\r\nX: y\r\n\r\n${content}\r\n`
const cut = (thrown: unknown) =>
  thrown instanceof ClusterError && thrown.message === 'multipart: NextPart: EOF'

test('contents come whole, however the body is cut into pieces and whatever they hold', async () => {
  const content = fc.array(fc.constantFrom('--B', '\r\n', '\r\n--', '-', 'x', '\r', '\n', '\r\n--BX', '\0'), {
    maxLength: 12,
  })
  const property = fc.asyncProperty(
    fc.array(content, { maxLength: 4 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
    async (contents, sizes) => {
      const isClean = (text: string) => !/(^|\r\n)--B(\r\n|--|$)/.test(text) && !text.endsWith('\r\n--B')
      const texts = contents.map(words => words.join('')).filter(isClean)
      assert.deepEqual(await partsOf(`${texts.map(part).join('')}--B--\r\n`, sizes), texts)
    },
  )
  await fc.assert(property, { numRuns: 300 })
})

test('what stands before the first boundary and behind the last is passed over', async () => {
  assert.deepEqual(await partsOf(`preamble\r\n${part('a')}--B--\r\nepilogue`), ['a'])
  assert.deepEqual(await partsOf('--B--\r\n'), [])
})

test('a part that is not read, or only begun, is skipped', async () => {
  const body = Buffer.from(`${part('x'.repeat(1000))}${part('second')}--B--`)
  const seen: string[] = []
  let count = 0
  for await (const { content } of readParts(pieces(body, [10]), 'B')) {
    if (count++ === 0) {
      for await (const _chunk of content) break
    } else seen.push(await textOf(content))
  }
  assert.deepEqual(seen, ['second'])
})

test('a body that is cut anywhere is an error, not a short file', async () => {
  const whole = `${part('abc')}${part('def')}--B--`
  for (let length = 0; length < whole.length; length++) {
    await assert.rejects(partsOf(whole.slice(0, length)), cut, `cut at ${length}`)
  }
})

test('headers without end are refused', async () => {
  const body = `--B\r\nX: ${'y'.repeat(100_000)}`
  await assert.rejects(partsOf(body, [10_000]), { code: 'TOO_LARGE' })
})

test('nothing is read ahead of what is asked for', async () => {
  let read = 0
  async function* source() {
    yield Buffer.from('--B\r\nX: y\r\n\r\n')
    for (;;) {
      read++
      yield new Uint8Array(1000)
    }
  }
  for await (const { content } of readParts(source(), 'B')) {
    let chunks = 0
    for await (const _chunk of content) if (++chunks === 5) break
    break
  }
  assert.ok(read <= 6, `${read} chunks were read`)
})

test('a boundary is found in every form of the header, and asked for when it is missing', () => {
  assert.equal(boundaryOf('multipart/form-data; boundary=abc'), 'abc')
  assert.equal(boundaryOf('Multipart/Mixed; charset=x; boundary="a b;c"'), 'a b;c')
  for (const type of [undefined, 'text/plain', 'multipart/related; boundary=x']) {
    assert.throws(() => boundaryOf(type), { message: "request Content-Type isn't multipart/form-data" })
  }
  for (const type of ['multipart/form-data', `multipart/form-data; boundary=${'x'.repeat(300)}`]) {
    assert.throws(() => boundaryOf(type), { message: 'no multipart boundary param in Content-Type' })
  }
})

test('entries come back from the body that a client makes of them', async () => {
  const names = fc
    .string({ minLength: 1, maxLength: 10, unit: 'grapheme' })
    .filter(name => !/[/\0]|^\.{1,2}$/.test(name))
  const property = fc.asyncProperty(fc.array(names, { minLength: 1, maxLength: 5 }), async paths => {
    async function* entries(): AsyncIterable<AddEntry> {
      for (const path of paths) {
        yield { kind: 'directory', path }
        yield { kind: 'file', path: `${path}/file`, content: pieces(Buffer.from(path), [3]) }
        yield { kind: 'symlink', path: `${path}/link`, target: path }
      }
    }
    const seen: unknown[] = []
    for await (const entry of readEntries(
      readParts(encodeUpload(entries(), 'B0undary'), 'B0undary'),
      false,
    )) {
      seen.push(
        entry.kind === 'file'
          ? { ...entry, content: Buffer.from(await textOf(entry.content), 'latin1').toString() }
          : entry,
      )
    }
    const expected = paths.flatMap(path => [
      { kind: 'directory', path },
      { kind: 'file', path: `${path}/file`, content: path },
      { kind: 'symlink', path: `${path}/link`, target: path },
    ])
    assert.deepEqual(seen, expected)
  })
  await fc.assert(property)
})

test('paths are unescaped and cannot lead out of the upload', () => {
  const of = (name: string) => pathOf(`form-data; name="file"; filename="${name}"`)
  assert.equal(of('a+b%26%3C.txt'), 'a b&<.txt')
  assert.equal(of('../../etc/passwd'), 'etc/passwd')
  assert.equal(of('%2e%2e%2Fx'), 'x')
  assert.equal(of('/abs//y/./z/'), 'abs/y/z')
  assert.equal(of('100%'), '100%')
  assert.equal(of('say \\"hi\\"'), 'say "hi"')
  assert.equal(pathOf('form-data; name="file"'), '')
})

test('an upload without parts is an error, unless an empty directory is wanted', async () => {
  const read = async (isEmptyAllowed: boolean) => {
    for await (const _entry of readEntries(
      readParts(pieces(Buffer.from('--B--\r\n'), [9]), 'B'),
      isEmptyAllowed,
    ))
      continue
  }
  await assert.rejects(read(false), { code: 'INVALID_ARGUMENT' })
  await read(true)
})

test('the target of a symbolic link has a bound', async () => {
  const body = Buffer.from(`--B\r\nContent-Type: application/symlink\r\n\r\n${'x'.repeat(10_000)}\r\n--B--`)
  const read = async () => {
    for await (const _entry of readEntries(readParts(pieces(body, [100]), 'B'), false)) continue
  }
  await assert.rejects(read(), { code: 'TOO_LARGE' })
})

test('the path of an entry has a bound, in bytes and in directories', async () => {
  const read = async (path: string) => {
    const body = Buffer.from(`--B\r\nContent-Disposition: form-data; filename="${path}"\r\n\r\nx\r\n--B--`)
    for await (const _entry of readEntries(readParts(pieces(body, [1000]), 'B'), false)) continue
  }
  await read(`${'a/'.repeat(1000)}f`)
  await assert.rejects(read(`${'a/'.repeat(5000)}f`), { code: 'TOO_LARGE' })
  await assert.rejects(read('a'.repeat(20_000)), { code: 'TOO_LARGE' })
})
