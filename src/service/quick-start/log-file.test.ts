import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLogFile } from './log-file.ts'
import { formatTable } from './table.ts'

test('a log begins empty and never outgrows its bound by more than the one before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-log-'))
  try {
    const path = join(folder, 'daemon.log')
    await writeFile(path, 'of the last run')
    {
      using log = openLogFile(path, 10)
      for (const text of ['aaaa', 'bbbb', 'cccc', 'a line longer than all', 'dd'])
        log.write(Buffer.from(text))
    }
    assert.equal(await readFile(path, 'utf8'), 'dd')
    assert.equal(await readFile(`${path}.old`, 'utf8'), 'a line longer than all')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a table has columns as wide as their widest cell, and no blanks at the end of a line', () => {
  assert.equal(
    formatTable(
      ['A', 'B'],
      [
        ['long', 'x'],
        ['b', 'yy'],
      ],
    ),
    'A     B\nlong  x\nb     yy',
  )
})
