import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isInstalled } from './with-node.mjs'

const SCRIPT = fileURLToPath(new URL('with-node.mjs', import.meta.url))

async function inProject(
  lock: unknown,
  installed: unknown,
  check: (root: string) => void | Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'pinfold-with-node-'))
  try {
    await mkdir(join(root, 'node_modules', '.bin'), { recursive: true })
    await writeFile(join(root, 'node_modules', '.bin', 'node'), '')
    await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages: lock }))
    await writeFile(
      join(root, 'node_modules', '.package-lock.json'),
      typeof installed === 'string' ? installed : JSON.stringify({ packages: installed }),
    )
    await check(root)
  } finally {
    await rm(root, { recursive: true })
  }
}

const A = { version: '1.0.0', integrity: 'sha512-a' }

test('what the lock file asks for is installed when every package is there in its version', () =>
  inProject(
    { '': {}, 'node_modules/a': A, 'node_modules/other-machine': { version: '1.0.0', optional: true } },
    { 'node_modules/a': A },
    root => assert.equal(isInstalled(root), true),
  ))

for (const [why, installed] of Object.entries({
  'a package is missing': {},
  'a version differs': { 'node_modules/a': { ...A, version: '1.0.1' } },
  'the content differs': { 'node_modules/a': { ...A, integrity: 'sha512-b' } },
  'the record of the last install was cut': '{"packages"',
})) {
  test(`it is not installed when ${why}`, () =>
    inProject({ '': {}, 'node_modules/a': A }, installed, root => assert.equal(isInstalled(root), false)))
}

test('it is not installed in a fresh clone', () =>
  inProject({}, {}, async root => {
    await rm(join(root, 'node_modules'), { recursive: true })
    assert.equal(isInstalled(root), false)
  }))

test('the command runs on the project’s Node, and its exit code and signals go through', async () => {
  const script = `process.on('SIGTERM', () => process.exit(7))
    setTimeout(() => undefined, 60_000)
    console.log(process.version)`
  const child = spawn(process.execPath, [SCRIPT, 'node', '-e', script], {
    env: { ...process.env, PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [version] = await once(child.stdout, 'data')
  assert.match(String(version), /^v24\./)
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  assert.equal(code, 7)
})
