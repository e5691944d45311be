import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { storeContract } from '../../test/contracts/store.ts'
import { openLevel } from './level.ts'

const root = await mkdtemp(join(tmpdir(), 'pinfold-store-'))
after(() => rm(root, { recursive: true, force: true }))

let count = 0
const newFolder = () => join(root, `store-${count++}`)

storeContract('level', () => openLevel(newFolder()))

const key = Uint8Array.of(1)

it('finds its data again when opened a second time', async () => {
  const folder = newFolder()
  {
    await using store = await openLevel(folder)
    await store.batch([{ key, value: Uint8Array.of(7) }], { isSynced: true })
  }
  await using store = await openLevel(folder)
  assert.deepEqual(await store.get(key), Uint8Array.of(7))
})

it('a database in use by another process is a CONFLICT that names the folder', async () => {
  const folder = newFolder()
  const script = `
    import { openLevel } from ${JSON.stringify(new URL('./level.ts', import.meta.url).href)}
    await openLevel(${JSON.stringify(folder)})
    process.stdout.write('open')
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    await assert.rejects(openLevel(folder), (thrown: Error & { code?: string }) => {
      assert.equal(thrown.code, 'CONFLICT')
      assert.ok(thrown.message.includes(folder) && thrown.message.includes('another process'), thrown.message)
      return true
    })
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  await using store = await openLevel(folder)
  assert.equal(await store.get(key), undefined)
})

it('what a killed process had synced is there', async () => {
  const folder = newFolder()
  const script = `
    import { openLevel } from ${JSON.stringify(new URL('./level.ts', import.meta.url).href)}
    const store = await openLevel(${JSON.stringify(folder)})
    await store.batch([{ key: Uint8Array.of(1), value: Uint8Array.of(7) }], { isSynced: true })
    process.kill(process.pid, 'SIGKILL')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
  await once(child, 'exit')
  await using store = await openLevel(folder)
  assert.deepEqual(await store.get(key), Uint8Array.of(7))
})

it('a folder that cannot be one is STORE_FAILED with the cause', async () => {
  const file = join(root, 'file')
  await writeFile(file, 'not a folder')
  await assert.rejects(openLevel(file), (thrown: Error & { code?: string }) => {
    assert.equal(thrown.code, 'STORE_FAILED')
    assert.ok(thrown.message.includes(file), thrown.message)
    assert.ok(thrown.cause instanceof Error)
    return true
  })
})

it('a disk that takes no more ends the writes with STORE_FAILED, and nothing acknowledged is lost', async () => {
  const folder = newFolder()
  const script = `
    import { openLevel } from ${JSON.stringify(new URL('./level.ts', import.meta.url).href)}
    const store = await openLevel(${JSON.stringify(folder)})
    const value = new Uint8Array(10_000).map((_, index) => (index * index) >> 3)
    const put = index => store.batch([{ key: Uint8Array.of(index), value }], { isSynced: true })
    let written = 0
    const codes = []
    while (codes.length === 0) await put(written).then(() => written++, thrown => codes.push(thrown.code))
    for (let index = 0; index < 3; index++) await put(200).catch(thrown => codes.push(thrown.code))
    process.stdout.write(JSON.stringify({ written, codes }))`
  // A file size limit makes write(2) fail as a full disk does.
  const command = 'ulimit -f 256; exec "$0" --input-type=module -e "$1"'
  const child = spawn('sh', ['-c', command, process.execPath, script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await once(child, 'close')
  const { written, codes } = JSON.parse(output)
  assert.ok(written > 5 && written < 100, `${written} batches were written`)
  assert.deepEqual(codes, ['STORE_FAILED', 'STORE_FAILED', 'STORE_FAILED', 'STORE_FAILED'])
  await using store = await openLevel(folder)
  for (let index = 0; index < written; index++) {
    assert.equal((await store.get(Uint8Array.of(index)))?.length, 10_000, `batch ${index}`)
  }
  await store.batch([{ key, value: Uint8Array.of(7) }], { isSynced: true })
})

it('while the disk takes no writes the store is read from, and after that it takes writes again', {
  skip: process.platform === 'linux' ? false : 'prlimit is of Linux',
}, async () => {
  await using store = await openLevel(newFolder())
  const value = new Uint8Array(10_000).fill(7)
  const put = (index: number) => store.batch([{ key: Uint8Array.of(index), value }], { isSynced: true })
  for (let index = 0; index < 5; index++) await put(index)
  limitFiles('1024')
  try {
    await assert.rejects(put(5), { code: 'STORE_FAILED' })
    await assert.rejects(store.reopen(), { code: 'STORE_FAILED', message: /no room .*: free some space/ })
    await assert.rejects(store.reopen(), { code: 'STORE_FAILED' })
    assert.deepEqual(await store.get(Uint8Array.of(4)), value)
    await assert.rejects(put(5), { code: 'STORE_FAILED' })
  } finally {
    limitFiles('unlimited')
  }
  const reopening = store.reopen()
  const read = Promise.all(Array.from({ length: 20 }, (_, index) => store.get(Uint8Array.of(index % 5))))
  await reopening
  assert.equal((await read).filter(found => found?.length === 10_000).length, 20)
  await put(5)
  for (let index = 0; index < 6; index++) assert.deepEqual(await store.get(Uint8Array.of(index)), value)
})

/** Lets writes beyond that size fail in this process as on a full disk. */
function limitFiles(bytes: string): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`])
}

it('a database that is disposed while it is opened again ends closed', async () => {
  const folder = newFolder()
  const early = await openLevel(folder)
  const late = early.reopen()
  await early[Symbol.asyncDispose]()
  await assert.rejects(late, { code: 'STORE_FAILED', message: /is closed/ })
  const store = await openLevel(folder)
  const isOpening = store.reopen()
  // Until it has begun to close and open the files.
  for (let at = 0; at < 40; at++) await new Promise(resolve => setImmediate(resolve))
  await store[Symbol.asyncDispose]()
  await Promise.allSettled([isOpening])
  await using again = await openLevel(folder)
  assert.equal(await again.get(key), undefined)
})

it('a database whose making was interrupted is made anew', async () => {
  const folder = await mkdtemp(join(root, 'interrupted-'))
  await writeFile(join(folder, 'MANIFEST-000001'), 'begun')
  await using store = await openLevel(folder)
  assert.equal(await store.get(key), undefined)
})

it('data without CURRENT is refused, and none of it is touched', async () => {
  const folder = newFolder()
  {
    await using store = await openLevel(folder)
    await store.batch([{ key, value: Uint8Array.of(7) }], { isSynced: true })
  }
  const [current, aside] = [join(folder, 'CURRENT'), join(root, 'CURRENT-aside')]
  await rename(current, aside)
  const files = await readdir(folder)
  await assert.rejects(openLevel(folder), { code: 'STORE_FAILED', message: /CURRENT/ })
  assert.deepEqual(await readdir(folder), files)
  await rename(aside, current)
  await using store = await openLevel(folder)
  assert.deepEqual(await store.get(key), Uint8Array.of(7))
})
