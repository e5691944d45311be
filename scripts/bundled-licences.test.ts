import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { bundledLicences } from './bundled-licences.mjs'

const USUAL = new Map([['MIT', 'the usual text']])

async function withFiles(
  files: Readonly<Record<string, string>>,
  check: (root: string) => void,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'pinfold-licences-'))
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, name)), { recursive: true })
      await writeFile(join(root, name), text)
    }
    check(root)
  } finally {
    await rm(root, { recursive: true })
  }
}

function manifest(name: string, license: string, author?: string): string {
  return JSON.stringify({ name, version: '1.0.0', license, author })
}

test('a licence text is written once, below all packages that have it', () =>
  withFiles(
    {
      'a/package.json': manifest('a', 'ISC'),
      'a/LICENSE': 'same text\n',
      'b/package.json': manifest('b', 'ISC'),
      'b/licence.md': 'same text',
      'b/NOTICE': 'a notice',
    },
    root => {
      const text = bundledLicences(
        ['a/x.js', 'a/y.js', 'b/x.js'].map(name => join(root, name)),
        USUAL,
      )
      assert.equal(text.split('same text').length, 2)
      assert.match(text, /^a 1\.0\.0 \(ISC\)\nb 1\.0\.0 \(ISC\)\n\nsame text$/m)
      assert.match(text, /a notice/)
    },
  ))

test('a package without a licence file gets the usual text and is named with its author', () =>
  withFiles({ 'c/package.json': manifest('c', 'GPL-3.0 OR MIT', 'an author') }, root => {
    const text = bundledLicences([join(root, 'c/x.js')], USUAL)
    assert.match(text, /^c 1\.0\.0 \(GPL-3\.0 OR MIT\), copyright an author\n\nthe usual text$/m)
  }))

test('a package whose licence has no text at all is an error', () =>
  withFiles({ 'd/package.json': manifest('d', 'Other') }, root => {
    assert.throws(() => bundledLicences([join(root, 'd/x.js')], USUAL), /d 1\.0\.0 \(Other\)/)
  }))

test('a file belongs to the nearest folder that names a package, not to one that only says how it is read', () =>
  withFiles(
    {
      'e/package.json': manifest('e', 'MIT'),
      'e/esm/package.json': JSON.stringify({ type: 'module' }),
    },
    root => assert.match(bundledLicences([join(root, 'e/esm/x.js')], USUAL), /^e 1\.0\.0 \(MIT\)$/m),
  ))
