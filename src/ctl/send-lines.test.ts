import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openPeers } from '../../test/support/cluster-peers.ts'
import { echoBulk } from '../../test/support/echo-bulk.ts'
import { runFake } from '../../test/support/fake-client.ts'
import { hastyClock } from '../../test/support/hasty-clock.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { openRestServer } from '../../test/support/rest-server.ts'
import { type TextSink, textSink } from '../../test/support/text-sink.ts'
import { ClusterError } from '../errors.ts'
import type { Cluster } from '../interfaces.ts'
import { runCtl } from './run-ctl.ts'

const folder = await mkdtemp(join(tmpdir(), 'pinfold-lines-'))
after(() => rm(folder, { recursive: true, force: true }))

async function fileOf(...lines: readonly string[]): Promise<string> {
  const file = join(folder, `${Math.random()}.txt`)
  await writeFile(file, lines.join('\n'))
  return file
}

const run = (host: string, ...line: readonly string[]) => runTo(textSink(), host, ...line)

async function runTo(stderr: TextSink, host: string, ...line: readonly string[]) {
  const stdout = textSink()
  const exitCode = await runCtl(['--host', host, ...line], {
    program: 'cluster-ctl',
    version: '0',
    env: {},
    clock: hastyClock(Date.now()),
    signal: AbortSignal.timeout(60_000),
    stdout,
    stderr,
  })
  return { exitCode, stdout: stdout.text, stderr: stderr.text }
}

const cids = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => numberedCid(from + at).toString())

test('pins and unpins the lines of a file, in any form, and says how many ended how', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const [a = '', b = '', c = ''] = cids(3)
  const file = await fileOf(a, '', `"${b}"`, `{"cid":"${c}","name":"own"}`, a, 'bad', '')
  const added = await run(server.address, 'pin', 'add', '--name', 'all', '--from', file)
  assert.equal(added.exitCode, 1)
  assert.equal(added.stdout, '5 lines, 3 pinned, 1 unchanged, 1 failed\n')
  assert.match(added.stderr, /^line 6: error decoding Cid: "bad" .*\nerror pinning: 1 of 5 lines failed\n$/)
  const names = await Promise.all(
    [0, 1, 2].map(async at => (await peers.first.cluster.allocation(numberedCid(at))).name),
  )
  assert.deepEqual(names, ['all', 'all', 'own'])
  const removed = await run(server.address, '--enc', 'json', 'pin', 'rm', '--from', await fileOf(a, b, b))
  assert.equal(removed.exitCode, 0, removed.stderr)
  assert.deepEqual(JSON.parse(removed.stdout), {
    lines: 3,
    pinned: 0,
    unchanged: 0,
    removed: 2,
    absent: 1,
    failed: 0,
  })
})

test('a lost connection is made anew, and goes on with the first line that was not answered', async () => {
  await using peers = await openPeers(1)
  const seen: string[] = []
  let fails = 3
  const members: Partial<Cluster> = {
    async *pinMany(chunks, given) {
      for await (const chunk of peers.first.cluster.pinMany(chunks, given)) {
        seen.push(...chunk.map(({ cid }) => String(cid)))
        yield chunk
        if (seen.length > 1500 && fails-- > 0) throw new ClusterError('NOT_READY', 'this peer is stopping')
      }
    },
  }
  await using server = await openRestServer(members)
  const all = cids(5000)
  const { exitCode, stdout, stderr } = await run(server.address, 'pin', 'add', '--from', await fileOf(...all))
  assert.equal(exitCode, 0, stderr)
  assert.equal(stdout, '5000 lines, 5000 pinned\n')
  assert.deepEqual(seen, all, 'every line was sent once')
  assert.equal(stderr.match(/this peer is stopping; going on in/g)?.length, 3)
})

test('a daemon that does not come back, and a file that is not there, are failures that say where', async () => {
  await using peers = await openPeers(1)
  let isOver = false
  const members: Partial<Cluster> = {
    async *pinMany(chunks, given) {
      if (isOver) throw new ClusterError('READ_ONLY', 'no room')
      for await (const chunk of peers.first.cluster.pinMany(chunks, given)) {
        yield chunk
        isOver = true
        throw new ClusterError('STORE_FAILED', 'no room')
      }
    },
  }
  await using server = await openRestServer(members)
  const { exitCode, stdout, stderr } = await run(
    server.address,
    'pin',
    'add',
    '--from',
    await fileOf(...cids(5000)),
  )
  assert.equal(exitCode, 2)
  assert.match(stderr, /\n\d+ lines, \d+ pinned; stopped before line \d+\n$/)
  assert.match(stdout, /Code: 503\n {2}Message: no room/)
  const missing = await run(server.address, 'pin', 'add', '--from', join(folder, 'none'))
  assert.equal(missing.exitCode, 1)
  assert.match(missing.stderr, /^error reading pins: ENOENT/)
  const nobody = await run('/ip4/127.0.0.1/tcp/1', 'pin', 'add', '--from', await fileOf(...cids(1)))
  assert.equal(nobody.exitCode, 1)
})

test('what "state export" writes, "state import" takes', async () => {
  await using peers = await openPeers(1)
  await using server = await openRestServer(peers.first.cluster)
  const client = { signal: AbortSignal.timeout(60_000) }
  await run(server.address, 'pin', 'add', '--name', 'n', '--from', await fileOf(...cids(2500)))
  const file = join(folder, 'export.ndjson')
  assert.equal((await run(server.address, 'state', 'export', '--file', file)).exitCode, 0)
  const { stdout } = await run(server.address, 'state', 'export')
  assert.equal(stdout, await readFile(file, 'utf8'))
  await peers.consensus.remove(
    cids(2500).map((_, at) => numberedCid(at)),
    client,
  )
  const imported = await run(server.address, 'state', 'import', file)
  assert.equal(imported.stdout, '2500 lines, 2500 pinned\n', imported.stderr)
  assert.equal((await run(server.address, 'state', 'export')).stdout, stdout)
  const unwritable = await run(server.address, 'state', 'export', '--file', join(folder, 'no', 'such'))
  assert.match(unwritable.stderr, /^error writing the export: ENOENT/)
})

test('a terminal sees how many lines are done, and nothing of it at the end', async () => {
  await using server = await openRestServer(echoBulk())
  const terminal = textSink(80)
  await runTo(terminal, server.address, 'pin', 'add', '--from', await fileOf(...cids(1)))
  assert.match(terminal.text.replaceAll('\r\u001B[K', '<'), /^<1 lines, \d+ a second<$/)
})

test('--from stands alone', async () => {
  const both = await runFake(['pin', 'add', '--from', 'x', numberedCid(1).toString()], {})
  assert.match(both.stderr, /either --from or one CID/)
  const waiting = await runFake(['pin', 'rm', '--wait', '--from', 'x'], {})
  assert.match(waiting.stderr, /--wait does not go with --from/)
})
