import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type TestContext, testContext } from '../../../test/support/command-context.ts'
import { eventually } from '../../../test/support/eventually.ts'
import { valueAt } from '../../config/setting.ts'
import { COMMANDS } from '../commands.ts'
import { runService } from '../program.ts'

const script = fileURLToPath(new URL('../../../test/support/stub-peer.mjs', import.meta.url))
const environment = { PATH: '/usr/bin:/bin', CLUSTER_SECRET: 'not for peers', CLUSTER_ID: 'x' }

interface Run {
  readonly said: TestContext
  readonly code: Promise<number>
  readonly stop: () => void
}

/** Runs of the present test, ended with it. */
const runs = new Set<Run>()

function start(folder: string, argv: readonly string[] = []): Run {
  const stopping = new AbortController()
  const said = testContext({ script, environment, signal: stopping.signal })
  const code = runService(['quick-start', '--folder', folder, ...argv], COMMANDS, said.context)
  const run = { said, code, stop: () => stopping.abort(new DOMException('Ctrl-C', 'AbortError')) }
  runs.add(run)
  return run
}

async function started(run: Run): Promise<string> {
  const isUp = () => run.said.stdout().includes('Ctrl-C stops the cluster')
  const failed = run.code.then(code => assert.fail(`it ended with ${code}: ${run.said.stderr()}`))
  await Promise.race([eventually('the cluster is up', isUp), failed])
  failed.catch(() => undefined)
  return run.said.stdout()
}

async function inFolder(check: (folder: string) => Promise<void>): Promise<void> {
  const base = await mkdtemp(join(tmpdir(), 'pinfold-quick-'))
  try {
    await check(join(base, 'cluster'))
  } finally {
    for (const run of runs) run.stop()
    await Promise.all([...runs].map(run => run.code))
    runs.clear()
    await rm(base, { recursive: true })
  }
}

const read = (folder: string, peer: number, name: string) =>
  readFile(join(folder, `peer${peer}`, name), 'utf8')
const isAlive = (pid: string) => existsSync(`/proc/${pid}`)

test('three peers are made, shown and stopped; the next start goes on with the same ones', () =>
  inFolder(async folder => {
    const first = start(folder)
    const text = await started(first)
    const ids = await Promise.all(
      [1, 2, 3].map(async n => valueAt(JSON.parse(await read(folder, n, 'identity.json')), ['id'])),
    )
    assert.equal(new Set(ids).size, 3)
    for (const [at, id] of ids.entries()) {
      const row = `^peer${at + 1} +12\\*${String(id).slice(-6)} +http://127\\.0\\.0\\.1:\\d+ +127\\.0\\.0\\.1:\\d+ +.*peer${at + 1}$`
      assert.match(text, new RegExp(row, 'm'))
    }
    const steps = text.split('\n').filter(line => line.includes('npx'))
    assert.deepEqual(
      steps.filter(line => line.length > 80),
      [],
    )
    assert.match(text, /npx cluster-ctl.* add README\.md/)
    const secrets = await Promise.all(
      [1, 2, 3].map(async n =>
        valueAt(JSON.parse(await read(folder, n, 'service.json')), ['cluster', 'secret']),
      ),
    )
    assert.match(String(secrets[0]), /^[0-9a-f]{64}$/)
    assert.equal(new Set(secrets).size, 1)
    const pids = await Promise.all([1, 2, 3].map(n => read(folder, n, 'pid')))
    first.stop()
    assert.equal(await first.code, 0)
    assert.deepEqual(pids.filter(isAlive), [])
    assert.match(first.said.stdout(), /Stopping …\nStopped\. Peers and pins are kept/)

    const second = start(folder)
    const again = await started(second)
    for (const id of ids) assert.ok(again.includes(String(id).slice(-6)))
    second.stop()
    assert.equal(await second.code, 0)
  }))

test('each peer knows the others, listens on loopback, and takes no settings of another peer', () =>
  inFolder(async folder => {
    const run = start(folder, ['--peers', '2', '-l', 'warn,cluster:debug'])
    await started(run)
    assert.match(await read(folder, 1, 'argv'), / daemon .*--loglevel warn,cluster:debug/)
    const other = valueAt(JSON.parse(await read(folder, 2, 'identity.json')), ['id'])
    assert.match(
      await read(folder, 1, 'bootstrap'),
      new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${String(other)}$`),
    )
    const seen: unknown = JSON.parse(await read(folder, 1, 'environment'))
    assert.equal(valueAt(seen, ['CLUSTER_SECRET']), undefined)
    assert.equal(valueAt(seen, ['CLUSTER_ID']), undefined)
    for (const name of ['CLUSTER_LISTENMULTIADDRESS', 'CLUSTER_IPFSEMBEDDED_LISTENMULTIADDRESS']) {
      assert.match(String(valueAt(seen, [name])), /^\/ip4\/127\.0\.0\.1\/tcp\/\d+$/)
    }
    assert.equal(existsSync(join(folder, 'peer3')), false)
    run.stop()
    assert.equal(await run.code, 0)
  }))

test('warnings of the peers are shown, and everything is in their logs', () =>
  inFolder(async folder => {
    const run = start(folder, ['--peers', '1'])
    await started(run)
    await eventually('the warning is shown', () =>
      run.said.stderr().includes('peer1: network: odd weather {"peers":2}'),
    )
    assert.ok(!run.said.stderr().includes('ready'))
    run.stop()
    await run.code
    assert.match(await read(folder, 1, 'daemon.log'), /odd weather[^]*ready/)
  }))

test('a second quick-start in the folder fails, and the first goes on', () =>
  inFolder(async folder => {
    const run = start(folder, ['--peers', '1'])
    await started(run)
    const second = start(folder)
    assert.equal(await second.code, 1)
    assert.match(
      second.said.stderr(),
      /^error starting the cluster: lock .*someone else has the lock\. .*stop it first/,
    )
    assert.ok(isAlive(await read(folder, 1, 'pid')))
    run.stop()
    assert.equal(await run.code, 0)
  }))

test('a peer that does not start ends the start, with its last words; nothing is left running', () =>
  inFolder(async folder => {
    const first = start(folder, ['--peers', '2'])
    await started(first)
    first.stop()
    await first.code
    await writeFile(join(folder, 'peer2', 'break'), '')
    const { code, said } = start(folder)
    assert.equal(await code, 1)
    assert.match(
      said.stderr(),
      /^error starting peer2: it ended with exit code 3\n {2}error starting cluster: the test wants it so$/m,
    )
    assert.equal(isAlive(await read(folder, 1, 'pid')), false)
  }))

test('a peer that dies is reported and the others go on; when all are gone, so is the command', () =>
  inFolder(async folder => {
    const run = start(folder, ['--peers', '2'])
    await started(run)
    process.kill(Number(await read(folder, 2, 'pid')), 'SIGKILL')
    await eventually('the end is reported', () =>
      /peer2 ended by itself \(signal SIGKILL\)[^]*daemon\.log/.test(run.said.stderr()),
    )
    const first = await read(folder, 1, 'pid')
    assert.ok(isAlive(first))
    process.kill(Number(first), 'SIGKILL')
    assert.equal(await run.code, 1)
  }))

test('the peers are stopped at the same time', () =>
  inFolder(async folder => {
    const run = start(folder)
    await started(run)
    // Each ends once all are asked to; a peer that is asked alone is killed after 20 seconds.
    await writeFile(join(folder, 'end-together'), '3')
    const began = performance.now()
    run.stop()
    assert.equal(await run.code, 0)
    assert.ok(performance.now() - began < 15_000)
  }))

test('busy ports are passed over, and a stop during the start leaves nothing behind', () =>
  inFolder(async folder => {
    const busy = createServer()
    // Whether this test or somebody else has the port: it is busy.
    await new Promise<void>(resolve => {
      busy.once('error', () => resolve())
      busy.listen(9094, '127.0.0.1', resolve)
    })
    try {
      const run = start(folder, ['--peers', '1'])
      const text = await started(run)
      assert.doesNotMatch(text, /127\.0\.0\.1:9094\b/)
      assert.match(text, /npx cluster-ctl --host \/ip4\/127\.0\.0\.1\/tcp\/\d+ add/)
      assert.match(text, /Other ports than usual are used, since these are busy: 9094\b/)
      run.stop()
      await run.code
    } finally {
      busy.close()
    }
    const early = start(folder)
    early.stop()
    assert.equal(await early.code, 0)
    assert.equal(isAlive(await read(folder, 1, 'pid')), false)
  }))

test('a count of peers that makes no sense is refused', () =>
  inFolder(async folder => {
    for (const count of ['0', '21', 'three', '1.5']) {
      const { code, said } = start(folder, ['--peers', count])
      assert.equal(await code, 1)
      assert.match(said.stderr(), /error reading --peers: it must be a whole number from 1 to 20/)
    }
  }))
