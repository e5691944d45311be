import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAKE_START_MS, runFake } from '../../test/support/fake-client.ts'
import { textSink } from '../../test/support/text-sink.ts'

const CID = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'
const pin = (min: number) => ({
  cid: CID,
  name: '',
  replication_factor_min: min,
  replication_factor_max: min,
  type: 'pin',
})
const states = (...statuses: string[]) => ({
  cid: CID,
  peer_map: Object.fromEntries(
    statuses.map((status, i) => [`peer${i}`, { peername: `p${i}`, status, error: '' }]),
  ),
})
const THREE = ['pinned', 'pinned', 'pinned']
const polls = (run: { readonly calls: readonly { readonly name: string }[] }) =>
  run.calls.filter(({ name }) => name === 'status').length

async function add(options: readonly string[], min: number, ...answers: ReturnType<typeof states>[]) {
  return runFake(['pin', 'add', '--wait', ...options, CID], { pinPath: [pin(min)], status: answers })
}

test('it asks every second until all peers are there; remote ones need not be', async () => {
  const run = await add(
    [],
    -1,
    states('pinning', 'remote'),
    states('pin_queued', 'remote'),
    states('pinned', 'remote'),
  )
  assert.deepEqual([run.exitCode, polls(run), run.elapsedMs], [0, 3, 3000], run.stderr)
  assert.match(run.stdout, /p0 .*PINNED/)
})

test('as many peers as the pin asks for are enough, and a limit goes before that', async () => {
  assert.equal(polls(await add([], 1, states('pinned', 'pinning'))), 1)
  assert.equal(polls(await add([], 2, states('pinned', 'pinning'), states('pinned', 'pinned'))), 2)
  assert.equal(polls(await add(['--wl', '1'], 2, states('pinned', 'pinning'))), 1)
  assert.equal(polls(await add(['--wl', '9'], 2, states('pinned', 'pinning'), states('pinned', 'pinned'))), 2)
})

test('a peer in error ends the wait at once and is named', async () => {
  const run = await add([], 1, states('pinned', 'pin_error'))
  assert.equal(run.exitCode, 1)
  assert.equal(run.stdout, '')
  assert.match(
    run.stderr,
    /^error waiting for pin status: error has occurred while attempting to reach status: pinned \(p1 says pin_error\)/,
  )
})

test('the failure of a peer comes with what to do about it', async () => {
  const failed = { peername: 'p0', status: 'pin_error', error: 'no block for 2m0s', reason: 'TIMEOUT' }
  const run = await add([], 1, { cid: CID, peer_map: { x: failed, y: { ...failed, peername: 'p1' } } })
  const [what, todo, more] = run.stderr.split('\n')
  assert.match(what ?? '', /\(p0 says pin_error: no block for 2m0s; p1 says pin_error: no block/)
  assert.match(todo ?? '', /^The IPFS node finds nobody who has the content/)
  assert.equal(more, `More: "cluster-ctl why ${CID}"`)
})

test('a terminal sees how far it is, on one line that is gone at the end; a pipe sees nothing of it', async () => {
  const terminal = textSink(60)
  const pin = { cid: CID, name: '', replication_factor_min: 3, replication_factor_max: 3, type: 'pin' }
  const answers = { pinPath: [pin], status: [states('pinned', 'pinning', 'pin_queued'), states(...THREE)] }
  const line = ['pin', 'add', '--wait', CID]
  const { stdout } = await runFake(line, answers, { stderr: terminal })
  assert.equal(
    terminal.text.replaceAll('\r\u001B[K', '<'),
    '<1s  1 of 3 peers: pinned p0; p1 pinning; p2 pin_queued<2s  3 of 3 peers: pinned p0, p1, p2<',
  )
  const piped = await runFake(line, answers)
  assert.deepEqual([piped.stderr, piped.stdout], ['', stdout])
})

test('a wait that runs out of time ends with 62 and prints no result', async () => {
  const run = await add(['--wait-timeout', '3s'], 1, states('pinning'))
  assert.deepEqual([run.exitCode, run.stdout, polls(run)], [62, '', 2])
  assert.match(
    run.stderr,
    /^error waiting for pin status: context deadline exceeded: Qm\w+ is not yet pinned on enough peers \(0 of 1 peers: p0 pinning\)\n/,
  )
  assert.match(run.stderr, /"cluster-ctl why Qm/)
})

test('unpinning waits for all peers', async () => {
  const status = [states('unpinned', 'unpinning'), states('unpinned', 'unpinned')]
  const run = await runFake(['pin', 'rm', '-w', CID], { unpinPath: [pin(1)], status })
  assert.deepEqual([run.exitCode, polls(run)], [0, 2], run.stderr)
})

test('without --wait the state of a second later is shown; with --no-status none is asked for', async () => {
  const run = await runFake(['pin', 'add', CID], { pinPath: [pin(1)], status: [states('pinning')] })
  assert.deepEqual([polls(run), run.elapsedMs], [1, 1000])
  const quiet = await runFake(['pin', 'add', '--ns', '--expire-in', '1h', CID], { pinPath: [pin(1)] })
  assert.equal(polls(quiet), 0)
  assert.match(quiet.stdout, /^Qm.* \| PIN \| /)
  assert.equal(
    quiet.calls[0]?.input.query?.['expire-at'],
    new Date(FAKE_START_MS + 3_600_000).toISOString().replace('.000', ''),
  )
})
