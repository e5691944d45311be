import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lookAt, sizeOf, walkFiles } from './walk-files.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pinfold-walk-'))
  await mkdir(join(folder, 'd', '.hidden', 'x'), { recursive: true })
  await mkdir(join(folder, 'd', 'b'))
  await writeFile(join(folder, 'd', 'b', 'f'), 'in b')
  await writeFile(join(folder, 'd', 'a'), 'a')
  await writeFile(join(folder, 'd', '.h'), 'hidden')
  await writeFile(join(folder, 'd', 'Z ü'), 'z')
  await symlink('a', join(folder, 'd', 'link'))
})
after(() => rm(folder, { recursive: true }))

async function walk(paths: readonly string[], given = { isRecursive: true, isHidden: false }) {
  const options = { ...given, signal: new AbortController().signal }
  const found: string[] = []
  let read = 0
  const roots = await lookAt(
    paths.map(path => join(folder, path)),
    options,
  )
  const add = (count: number) => {
    read += count
  }
  for await (const entry of walkFiles(roots, options, add)) {
    found.push(`${entry.kind} ${entry.path}`)
    if (entry.kind === 'symlink') assert.equal(entry.target, 'a')
    if (entry.kind === 'file') for await (const bytes of entry.content) assert.ok(bytes.length > 0)
  }
  assert.equal(await sizeOf(roots, options), read)
  return found
}

test('a directory comes before what it holds, in order of bytes; links stay links', async () => {
  assert.deepEqual(await walk(['d']), [
    'directory d',
    'file d/Z ü',
    'file d/a',
    'directory d/b',
    'file d/b/f',
    'symlink d/link',
  ])
})

test('hidden names are taken on demand, and when they are named', async () => {
  const all = await walk(['d'], { isRecursive: true, isHidden: true })
  assert.deepEqual(all.slice(0, 4), [
    'directory d',
    'file d/.h',
    'directory d/.hidden',
    'directory d/.hidden/x',
  ])
  assert.deepEqual(await walk(['d/.h']), ['file .h'])
})

test('what cannot be added is refused before anything is sent', async () => {
  const options = { isRecursive: false, isHidden: false, signal: new AbortController().signal }
  const at = (path: string) => join(folder, path)
  await assert.rejects(lookAt([], options), /need at least one path/)
  await assert.rejects(lookAt([at('d')], options), /is a directory, but Recursive option is not set/)
  await assert.rejects(
    lookAt([at('nosuch')], options),
    /^CommandError|lstat .*nosuch: no such file or directory/,
  )
  await assert.rejects(lookAt([at('d/a'), at('d/../d/a')], options), /same name "a"/)
  await assert.rejects(async () => {
    for await (const _ of walkFiles(await lookAt(['/dev/null'], options), options, () => undefined));
  }, /neither file, directory nor symbolic link/)
})
