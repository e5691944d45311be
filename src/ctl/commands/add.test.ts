import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Answers, runFake } from '../../../test/support/fake-client.ts'
import { textSink } from '../../../test/support/text-sink.ts'
import { ClusterError } from '../../errors.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pinfold-add-'))
  await mkdir(join(folder, 'd'))
  await writeFile(join(folder, 'd', 'f'), 'content of f')
  await writeFile(join(folder, 'one'), '1')
  await writeFile(join(folder, 'two'), '2')
})
after(() => rm(folder, { recursive: true }))

const added = [
  { name: 'd', cid: null, bytes: 5 },
  { name: 'd/f', cid: 'F', size: 20, allocations: ['p'] },
  { name: 'd', cid: 'D', size: 60, allocations: ['p'] },
]
const run = (line: readonly string[], answers: Answers = { add: [added] }, io = {}) =>
  runFake(['add', ...line.map(word => (/^(d|one|two)$/.test(word) ? join(folder, word) : word))], answers, io)

test('each file is printed as it is added; progress records are not', async () => {
  const { stdout, uploaded } = await run(['-r', 'd'])
  assert.equal(stdout, 'added F d/f\nadded D d\n')
  assert.deepEqual(uploaded, ['directory d', 'file d/f content of f'])
})

test('quiet prints CIDs, quieter the last one, no-stream all at the end', async () => {
  assert.equal((await run(['-r', '-q', 'd'])).stdout, 'F\nD\n')
  assert.equal((await run(['-r', '-Q', 'd'])).stdout, 'D\n')
  assert.equal((await run(['-r', '--no-stream', 'd'])).stdout, 'added F d/f\nadded D d\n')
})

test('several paths are wrapped, other hashes mean CID version 1 with raw leaves', async () => {
  const { calls } = await run(['--hash', 'sha2-512', 'one', 'two'])
  const query = calls[0]?.input.query ?? {}
  assert.deepEqual(
    [query['wrap-with-directory'], query['cid-version'], query['raw-leaves']],
    ['true', '1', 'true'],
  )
})

test('what cannot be done is refused before anything is asked', async () => {
  const cases: [readonly string[], RegExp][] = [
    [['--format', 'car', '-w', 'one'], /only a single CAR file/],
    [['--format', 'car', 'one', 'two'], /only a single CAR file/],
    [['--nocopy', 'one'], /nocopy is not supported/],
    [['--metadata', '=x', 'one'], /error parsing metadata: metadata were not in the format key=value/],
    [['--expire-in', 'soon', 'one'], /error parsing expire-in/],
    [['--wait-timeout', 'soon', 'one'], /error parsing wait-timeout/],
    [['d'], /Recursive option is not set/],
  ]
  for (const [line, message] of cases) {
    const { exitCode, stderr, stdout, calls } = await run(line)
    assert.deepEqual([exitCode, stdout], [1, ''], line.join(' '))
    assert.match(stderr, message)
    assert.equal(calls.filter(({ input }) => input.entries === undefined).length, 0)
  }
})

test('allocations that are no peer ids are passed over, and that is said', async () => {
  const peer = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
  const { calls, stderr } = await run(['--allocs', `${peer},foo`, 'one'])
  assert.equal(calls[0]?.input.query?.['user-allocations'], peer)
  assert.match(stderr, /passing over/)
})

test('waiting uses the factor of the pin, or of the request when the pin cannot be read', async () => {
  const status = [{ cid: 'D', peer_map: { a: { status: 'pinned' }, b: { status: 'pinning' } } }]
  const answers = { add: [added], allocation: [{ cid: 'D', replication_factor_min: 1 }], status }
  assert.equal((await run(['-r', '--wait', 'd'], answers)).exitCode, 0)
  const unread = [new ClusterError('NOT_FOUND', 'gone', { details: { status: 404 } })]
  const again = await run(['-r', '--wait', '--rmin', '1', 'd'], { ...answers, allocation: unread })
  assert.equal(again.exitCode, 0, again.stderr)
})

test('an error of the stream is told behind what was added, and the exit code is 2', async () => {
  const failure = new ClusterError('INTERNAL', 'no room', { details: { status: 500 } })
  const { stdout, exitCode } = await run(['-r', 'd'], { add: [[...added, failure]] })
  assert.equal(stdout, 'added F d/f\nadded D d\nAn error occurred:\n  Code: 500\n  Message: no room\n')
  assert.equal(exitCode, 2)
})

test('an answer that names nothing is a failure: the reason may have been in a trailer that a proxy dropped', async () => {
  for (const answer of [[], [added[0]], [null]]) {
    const { stderr, exitCode } = await run(['-r', 'd'], { add: [answer] })
    assert.match(stderr, /names nothing that was added/)
    assert.equal(exitCode, 1)
  }
})

test('a terminal sees a bar unless it asked for quiet, and colours unless NO_COLOR is set', async () => {
  const bar = async (line: readonly string[], env: Readonly<Record<string, string>>) =>
    (await run(line, undefined, { stderr: textSink(100), env })).stderr
  assert.ok((await bar(['-r', 'd'], {})).includes('\u001B[32m#'))
  assert.match(await bar(['-r', 'd'], { NO_COLOR: '1' }), /\[#+\] 100% {2}12 B \/ 12 B/)
  assert.equal(await bar(['-r', '-Q', 'd'], {}), '')
  assert.equal(await bar(['-r', 'd'], { TERM: 'dumb' }), '')
})
