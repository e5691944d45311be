import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { writePieces } from './write-file.ts'

async function* pieces(failure?: () => void): AsyncGenerator<string> {
  yield 'one\n'
  failure?.()
  yield 'two\n'
}

test('pieces become a file when all are there; what fails or is stopped leaves the old one and nothing beside it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-write-'))
  try {
    const file = join(folder, 'export')
    const stop = new AbortController()
    const options = { signal: stop.signal }
    const fail = () => {
      throw new Error('the source is lost')
    }
    await assert.rejects(writePieces(file, pieces(fail), 0o600, options), /the source is lost/)
    assert.deepEqual(await readdir(folder), [])
    await writePieces(file, pieces(), 0o600, options)
    await assert.rejects(writePieces(file, pieces(fail), 0o600, options), /the source is lost/)
    await assert.rejects(
      writePieces(
        file,
        pieces(() => stop.abort()),
        0o600,
        options,
      ),
      { name: 'AbortError' },
    )
    await assert.rejects(
      writePieces(join(folder, 'no', 'such'), pieces(), 0o600, { signal: AbortSignal.timeout(5000) }),
      {
        code: 'ENOENT',
      },
    )
    assert.deepEqual(await readdir(folder), ['export'])
    assert.equal(await readFile(file, 'utf8'), 'one\ntwo\n')
  } finally {
    await rm(folder, { recursive: true })
  }
})
