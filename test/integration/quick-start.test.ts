import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'

const SERVICE = join(import.meta.dirname, '../../src/bin/cluster-service.ts')
const ROOT = join(import.meta.dirname, '../..')
const START_MS = 90_000

interface Cluster {
  readonly process: ChildProcess
  readonly output: () => string
  /** URLs of the REST APIs, in order. */
  urls(): Promise<readonly string[]>
}

/** As "npm start" runs it: through the wrapper that brings the project's own Node. */
function quickStart(folder: string): Cluster {
  const argv = ['scripts/with-node.mjs', 'node', SERVICE, 'quick-start', '--folder', folder]
  const child = spawn(process.execPath, argv, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output += String(chunk)
    })
  }
  const find = () => {
    if (child.exitCode !== null) return []
    return output.includes('Ctrl-C stops')
      ? [...output.matchAll(/http:\/\/127\.0\.0\.1:\d+/g)].map(String)
      : undefined
  }
  return {
    process: child,
    output: () => output,
    async urls() {
      const urls = await eventually('the table is shown', find, START_MS)
      assert.equal(urls.length, 3, output)
      return urls
    },
  }
}

async function ended(cluster: Cluster): Promise<number | null> {
  if (cluster.process.exitCode === null) await once(cluster.process, 'exit')
  return cluster.process.exitCode
}

async function add(url: string, text: string): Promise<string> {
  const form = new FormData()
  form.append('file', new Blob([text]), 'hello.txt')
  const answer = await fetch(`${url}/add`, { method: 'POST', body: form })
  const last = (await answer.text()).trim().split('\n').at(-1) ?? ''
  assert.equal(answer.status, 200, last)
  return String(JSON.parse(last).cid)
}

async function statuses(url: string, cid: string): Promise<readonly string[]> {
  const answer = await fetch(`${url}/pins/${cid}`)
  return [...(await answer.text()).matchAll(/"status":"(\w+)"/g)].map(match => match[1] ?? '')
}

async function idOf(url: string): Promise<string> {
  const answer: unknown = await (await fetch(`${url}/id`)).json()
  assert.ok(typeof answer === 'object' && answer !== null && 'id' in answer)
  return String(answer.id)
}

async function seenBy(url: string): Promise<number> {
  const answer: unknown = await (await fetch(`${url}/id`)).json()
  assert.ok(typeof answer === 'object' && answer !== null && 'cluster_peers' in answer)
  return Array.isArray(answer.cluster_peers) ? answer.cluster_peers.length : 0
}

const pinnedOnThree = (url: string, cid: string) => () =>
  statuses(url, cid).then(list => list.length === 3 && list.every(status => status === 'pinned'))

test('npm start runs three peers that keep content together; Ctrl-C ends them, and the next start has it all', {
  timeout: 300_000,
}, async () => {
  const base = await mkdtemp(join(tmpdir(), 'pinfold-start-'))
  const folder = join(base, 'cluster')
  const running: Cluster[] = []
  try {
    const first = quickStart(folder)
    running.push(first)
    const urls = await first.urls()
    const ids = await Promise.all(urls.map(idOf))
    assert.equal(new Set(ids).size, 3)
    assert.deepEqual(await Promise.all(urls.map(seenBy)), [3, 3, 3])
    for (const id of ids) assert.ok(first.output().includes(id.slice(-6)))
    const cid = await add(urls[0] ?? '', 'a file that three peers keep\n')
    await eventually('it is pinned on all three', pinnedOnThree(urls[2] ?? '', cid), 60_000)

    const second = quickStart(folder)
    running.push(second)
    assert.equal(await ended(second), 1)
    assert.match(second.output(), /error starting the cluster: lock .*someone else has the lock/)

    const began = performance.now()
    first.process.kill('SIGINT')
    assert.equal(await ended(first), 0)
    const seconds = (performance.now() - began) / 1000
    assert.ok(seconds < 15, `it took ${seconds} seconds to stop`)
    for (const url of urls) await assert.rejects(fetch(`${url}/id`))

    const third = quickStart(folder)
    running.push(third)
    const again = await third.urls()
    assert.deepEqual(await Promise.all(again.map(idOf)), ids)
    await eventually('it is still pinned on all three', pinnedOnThree(again[1] ?? '', cid), 60_000)
    third.process.kill('SIGINT')
    assert.equal(await ended(third), 0)
    for (const peer of ['peer1', 'peer2', 'peer3']) {
      assert.doesNotMatch(await readFile(join(folder, peer, 'daemon.log'), 'utf8'), /"level":"error"/)
    }
  } finally {
    for (const cluster of running) cluster.process.kill('SIGTERM')
    await Promise.all(running.map(ended))
    await rm(base, { recursive: true })
  }
})

test('peers whose quick-start was killed end by themselves, and nothing blocks the next one', {
  timeout: 200_000,
}, async () => {
  const base = await mkdtemp(join(tmpdir(), 'pinfold-start-'))
  const argv = [SERVICE, 'quick-start', '--folder', base, '--peers', '1']
  const open = () => spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const table = async (child: ReturnType<typeof open>) => {
    let output = ''
    child.stdout.on('data', chunk => {
      output += String(chunk)
    })
    await eventually('the table is shown', () => output.includes('Ctrl-C stops'), START_MS)
    return /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? ''
  }
  try {
    const first = open()
    const url = await table(first)
    first.kill('SIGKILL')
    await eventually(
      'the peer is gone',
      () =>
        fetch(`${url}/id`).then(
          () => false,
          () => true,
        ),
      30_000,
    )
    const second = open()
    await table(second)
    second.kill('SIGTERM')
    const [code] = await once(second, 'exit')
    assert.equal(code, 0)
    assert.ok(existsSync(join(base, 'peer1', 'identity.json')))
  } finally {
    await rm(base, { recursive: true })
  }
})
