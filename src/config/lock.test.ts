import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ClusterError } from '../errors.ts'
import { lockFolder } from './lock.ts'

const isHeld = (thrown: unknown) =>
  thrown instanceof ClusterError &&
  thrown.code === 'CONFLICT' &&
  /someone else has the lock/.test(thrown.message)

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-lock-'))
  try {
    await run(join(folder, 'peer', 'cluster.lock'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Another process that holds the lock until it is killed. */
async function holder(path: string): Promise<ChildProcess> {
  const script = `import { lockFolder } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
    globalThis.lock = lockFolder(${JSON.stringify(path)})
    process.stdout.write('held')
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  assert.ok(child.stdout !== null)
  const [said] = await once(child.stdout, 'data')
  assert.equal(String(said), 'held')
  return child
}

test('a folder is locked once, makes the folder, and is free after disposal', () =>
  inFolder(async path => {
    {
      using _ = lockFolder(path)
      assert.throws(() => lockFolder(path), isHeld)
    }
    using _again = lockFolder(path)
  }))

test('a process killed with SIGKILL leaves nothing that blocks', () =>
  inFolder(async path => {
    const child = await holder(path)
    assert.throws(() => lockFolder(path), isHeld)
    child.kill('SIGKILL')
    await once(child, 'exit')
    using _ = lockFolder(path)
  }))

test('of many processes that want a lock left behind, one gets it', () =>
  inFolder(async path => {
    const first = await holder(path)
    first.kill('SIGKILL')
    await once(first, 'exit')
    const script = `import { lockFolder } from ${JSON.stringify(new URL('./lock.ts', import.meta.url).href)}
      let word = 'got'
      try { globalThis.lock = lockFolder(${JSON.stringify(path)}) } catch (error) { word = error.code }
      process.stdout.write(word)
      process.stdin.resume()`
    const rivals = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] }),
    )
    const words = await Promise.all(rivals.map(async rival => String((await once(rival.stdout, 'data'))[0])))
    for (const rival of rivals) rival.kill('SIGKILL')
    await Promise.all(rivals.map(rival => once(rival, 'exit')))
    assert.deepEqual(words.sort(), ['CONFLICT', 'CONFLICT', 'CONFLICT', 'got'])
  }))

test('a lock file that is no lock file is named, and not overwritten', () =>
  inFolder(async path => {
    lockFolder(path)[Symbol.dispose]()
    await writeFile(
      path,
      'some text that another program left here, long enough to be looked at\n'.repeat(20),
    )
    assert.throws(() => lockFolder(path), /cluster\.lock: .*may be removed/)
    assert.match(await readFile(path, 'utf8'), /another program/)
  }))
