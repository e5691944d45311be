import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { testContext } from '../../../test/support/command-context.ts'
import { numberedCid } from '../../../test/support/numbered-cid.ts'
import { lockFolder } from '../../config/lock.ts'
import { toPin } from '../../model/pin.ts'
import { toPinJson } from '../../model/pin-json.ts'
import { COMMANDS } from '../commands.ts'
import { runService } from '../program.ts'

const root = await mkdtemp(join(tmpdir(), 'pinfold-state-'))
after(() => rm(root, { recursive: true, force: true }))
const recorded = new URL('../../../test/recordings/state.ndjson', import.meta.url)
const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'

/** A new folder of a peer, and what runs commands in it. */
async function openFolder() {
  const folder = await mkdtemp(join(root, 'peer-'))
  const state = async (args: readonly string[], stdin: string | Readable = '') => {
    const { context, stdout, stderr } = testContext(
      stdin instanceof Readable ? { stdin } : {},
      typeof stdin === 'string' ? stdin : '',
    )
    const code = await runService(['-c', folder, ...args], COMMANDS, context)
    return { code, stdout: stdout(), stderr: stderr() }
  }
  assert.equal((await state(['init'])).code, 0)
  return { folder, store: join(folder, 'level'), state }
}

function lineOf(number: number, members: object = {}): string {
  const pin = toPin(numberedCid(number), {
    replicationMin: -1,
    replicationMax: -1,
    timestampMs: 1_600_000_000_000,
  })
  return `${JSON.stringify({ ...toPinJson(pin), ...members })}\n`
}

test('what the reference has exported is imported, and exported again the same, member by member', async () => {
  const { folder, state } = await openFolder()
  const text = readFileSync(recorded, 'utf8')
  const imported = await state(['state', 'import', '--force'], text)
  assert.equal(
    imported.stdout,
    `reading from stdin, Ctrl-D to finish\n${text.trim().split('\n').length} pins imported\n`,
  )
  // The reference writes some characters as escapes, and orders by the text of the CIDs.
  const plain = (exported: string) =>
    exported
      .trim()
      .split('\n')
      .map(line => JSON.stringify(JSON.parse(line)))
      .sort()
  const exported = await state(['state', 'export'])
  assert.deepEqual(plain(exported.stdout), plain(text))
  await state(['state', 'import', '--force'], exported.stdout)
  assert.equal((await state(['state', 'export'])).stdout, exported.stdout)
  const file = join(folder, 'out.ndjson')
  assert.equal((await state(['state', 'export', '-f', file])).code, 0)
  assert.equal(readFileSync(file, 'utf8'), exported.stdout)
})

test('an import replaces everything, after asking', async () => {
  const { folder, state } = await openFolder()
  const file = join(folder, 'in.ndjson')
  await state(['state', 'import', '-f'], lineOf(1) + lineOf(2))
  await writeFile(file, lineOf(3))
  const refused = await state(['state', 'import', file], 'n\n')
  assert.deepEqual(
    [refused.code, refused.stdout],
    [0, 'The pinset (state) of this peer will be replaced. Continue? [y/n]: '],
  )
  assert.equal((await state(['state', 'export'])).stdout.split('\n').length, 3)
  assert.match((await state(['state', 'import', file], 'y\n')).stdout, /1 pins imported\n$/)
  assert.equal((await state(['state', 'export'])).stdout, lineOf(3))
  const unasked = await state(['state', 'import'], lineOf(1))
  assert.equal(unasked.code, 1)
  assert.match(unasked.stderr, /^error importing state: .* give --force/)
})

test('one line that cannot be imported leaves everything as it was, and is named', async () => {
  const { folder, store, state } = await openFolder()
  await state(['state', 'import', '-f'], lineOf(1))
  const cases = [
    [`${lineOf(2)}\n{"cid":3}\n`, /line 3: .*"cid"/],
    [`${lineOf(2)}not json`, /line 2: not a pin: a line of an export is a JSON object/],
    [`{"cid":"${numberedCid(2)}","allocations":["x"]}`, /line 1: error decoding Peer ID: "x"/],
    [lineOf(2, { shard_size: -1 }), /line 1: .*"shard_size"/],
    [lineOf(2, { replication_factor_min: 3, replication_factor_max: 2 }), /line 1: .*larger than max/],
    [`{"cid":"${'x'.repeat(2_000_000)}`, /line 1: the line is longer than/],
  ] as const
  for (const [text, message] of cases) {
    const { code, stderr } = await state(['state', 'import', '-f'], text)
    assert.equal(code, 1)
    assert.match(stderr, /^error importing state: /)
    assert.match(stderr, message)
    assert.equal((await state(['state', 'export'])).stdout, lineOf(1))
    assert.equal(existsSync(join(store, 'pinset.next')), false)
  }
  const missing = await state(['state', 'import', '-f', join(folder, 'none')])
  assert.match(missing.stderr, /^error importing state: ENOENT/)
})

test('an import takes replication and peers from the flags, and the defaults of the cluster where a line has none', async () => {
  const { state } = await openFolder()
  const flags = ['--rmin', '2', '--replication-max', '3', '--allocs', PEER]
  await state(['state', 'import', '-f', ...flags], lineOf(1))
  const entry = JSON.parse((await state(['state', 'export'])).stdout)
  assert.deepEqual(
    [entry.replication_factor_min, entry.replication_factor_max, entry.allocations],
    [2, 3, [PEER]],
  )
  await state(['state', 'import', '-f'], `{"cid":"${numberedCid(1)}"}`)
  assert.equal(JSON.parse((await state(['state', 'export'])).stdout).replication_factor_max, -1)
  assert.match(
    (await state(['state', 'import', '-f', '--rmin', 'x'], '')).stderr,
    /--replication-min is not a number/,
  )
})

test('a cleanup removes the pinset, after asking; a new peer exports nothing', async () => {
  const { state } = await openFolder()
  assert.deepEqual(await state(['state', 'export']), { code: 0, stdout: '', stderr: '' })
  await state(['state', 'import', '-f'], lineOf(1))
  assert.match(
    (await state(['state', 'cleanup'], '')).stdout,
    /^The peer state will be removed\. {2}Existing/,
  )
  assert.equal((await state(['state', 'export'])).stdout, lineOf(1))
  assert.equal((await state(['state', 'cleanup', '-f'])).code, 0)
  assert.equal((await state(['state', 'export'])).stdout, '')
})

test('the state of a peer that runs is left alone', async () => {
  const { folder, state } = await openFolder()
  using _lock = lockFolder(join(folder, 'cluster.lock'))
  for (const command of [['export'], ['import', '-f'], ['cleanup', '-f']]) {
    const { code, stderr } = await state(['state', ...command])
    assert.equal(code, 1)
    assert.match(stderr, /^error obtaining execution lock: /)
  }
})

test('a replacement that was killed between its last two steps is ended by whoever comes next', async () => {
  const { store, state } = await openFolder()
  await state(['state', 'import', '-f'], lineOf(1))
  await rename(join(store, 'pinset'), join(store, 'pinset.next'))
  await mkdir(join(store, 'pinset.past'))
  assert.equal((await state(['state', 'export'])).stdout, lineOf(1))
  assert.equal(existsSync(join(store, 'pinset.past')), false)
})
