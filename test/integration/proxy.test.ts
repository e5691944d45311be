import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { createNoopMeter } from '@opentelemetry/api'
import { create } from 'kubo-rpc-client'
import { openKubo } from '../../src/ipfs/kubo/kubo.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { cidOf } from '../support/cluster-peers.ts'
import { openDaemons } from '../support/daemons.ts'
import { eventually } from '../support/eventually.ts'
import { findKubo, startKubo } from '../support/kubo.ts'
import { silentLogger } from '../support/silent-logger.ts'

const LIMIT = { timeout: 170_000 }
const kubo = await findKubo()
const skip = kubo === undefined ? 'no Kubo: put ipfs on the PATH or name it in KUBO_BIN' : false
const HELLO = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'

interface Shell extends AsyncDisposable {
  readonly folder: string
  /** Runs `ipfs --api <proxy> …`; answers with what it prints. */
  readonly ipfs: (...args: readonly string[]) => Promise<string>
  /** The same for what must fail; answers with the complaint. */
  readonly refused: (...args: readonly string[]) => Promise<string>
}

async function openShell(binary: string, api: string): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-shell-'))
  await mkdir(join(folder, 'dir'))
  await writeFile(join(folder, 'hello.txt'), 'hello\n')
  await writeFile(join(folder, 'dir', 'a.txt'), 'alpha\n')
  await writeFile(join(folder, 'big'), Buffer.alloc(3_000_000, 'x'))
  await writeFile(join(folder, 'node.json'), '{"a":2}\n')
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    IPFS_PATH: join(folder, 'none'),
    IPFS_TELEMETRY: 'off',
  }
  const run = (args: readonly string[]) =>
    promisify(execFile)(binary, ['--api', api, ...args], { env, cwd: folder, timeout: 30_000 })
  return {
    folder,
    ipfs: async (...args) => (await run(args)).stdout.trim(),
    refused: (...args) =>
      run(args).then(
        ({ stdout }) => assert.fail(`ipfs ${args.join(' ')} was not refused: ${stdout}`),
        (thrown: { readonly stderr: string }) => thrown.stderr.trim(),
      ),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

for (const node of ['embedded', 'kubo'] as const) {
  test(`the commands of ipfs --api work on a cluster whose node is ${node}`, { ...LIMIT, skip }, async () => {
    assert.ok(kubo !== undefined)
    await using stack = new AsyncDisposableStack()
    const behind = node === 'kubo' ? stack.use(await startKubo(kubo)).rpcAddress : 'embedded'
    const daemons = stack.use(await openDaemons([behind as 'embedded']))
    const [peer] = daemons.peers
    assert.ok(peer !== undefined)
    const { ipfs, refused } = stack.use(await openShell(kubo, peer.proxy))

    assert.match(await ipfs('id'), /"ID": "12D3KooW/)
    assert.equal(await ipfs('add', '-q', '--progress=true', 'hello.txt'), HELLO)
    assert.match(await ipfs('add', '-r', 'dir'), /^added Qm\w+ dir\/a.txt\nadded Qm\w+ dir$/)
    const alpha = await ipfs('add', '-Q', '--pin=false', 'dir/a.txt')
    const big = await ipfs('add', '-Q', '--cid-version=1', 'big')
    assert.match(await refused('add', '--only-hash', 'big'), /only-hash is not supported/)
    const listed = async (...args: string[]) => (await ipfs('pin', 'ls', '-q', ...args)).split('\n').sort()
    const before = await listed()
    assert.equal(before.length, 3)
    assert.ok(before.includes(HELLO) && before.includes(big) && !before.includes(alpha))
    assert.deepEqual(await listed('--stream'), before)
    assert.match(await refused('pin', 'ls', alpha), /is not pinned/)

    assert.equal(await ipfs('pin', 'add', '--progress', alpha), `pinned ${alpha} recursively`)
    assert.match(await ipfs('pin', 'add', '--name=two', alpha, `/ipfs/${HELLO}`), /^pinned .*\npinned .*$/)
    assert.deepEqual(await listed(alpha), [alpha])
    assert.match(await refused('pin', 'add', 'nonsense'), /Error parsing IPFS Path|invalid path/)
    assert.match(await ipfs('pin', 'update', big, alpha), /^updated /)
    assert.match(await refused('pin', 'ls', big), /is not pinned/)
    assert.equal(await ipfs('pin', 'rm', HELLO, alpha), `unpinned ${HELLO}\nunpinned ${alpha}`)
    assert.match(await refused('pin', 'rm', HELLO), /pin is not part of the pinset/)

    assert.equal(await ipfs('cat', alpha), 'alpha')
    assert.equal(await ipfs('cat', '-o', '1', '-l', '3', alpha), 'lph')
    assert.match(await ipfs('repo', 'stat'), /RepoSize: +\d{4}/)
    assert.match(await ipfs('block', 'put', '--pin=true', 'node.json'), /^bafkrei/)
    assert.equal(await ipfs('swarm', 'peers'), '')
    if (node === 'kubo') {
      const dag = await ipfs('dag', 'put', '--pin=true', 'node.json')
      assert.equal(dag, 'bafyreia5ec2ka6hvct2tuvnbn7jaw7zm7mgqylg5ppx2hrixxztr5viozq')
      assert.deepEqual(await listed(dag), [dag])
      assert.match(await ipfs('repo', 'gc'), /^removed /)
    } else {
      assert.match(await refused('dag', 'put', '--pin=true', 'node.json'), /needs a Kubo/)
    }
  })
}

test('kubo-rpc-client pins, adds with progress, lists and reads', LIMIT, async () => {
  await using daemons = await openDaemons(['embedded'])
  const [peer] = daemons.peers
  assert.ok(peer !== undefined)
  const client = create({ url: `http://127.0.0.1:${peer.proxy.split('/').at(-1)}` })
  const steps: number[] = []
  const added = await client.add(Buffer.alloc(2_000_000, 'y'), { progress: bytes => void steps.push(bytes) })
  assert.ok(steps.length > 1 && steps.at(-1) === 2_000_000, steps.join())
  const read: Uint8Array[] = []
  for await (const piece of client.cat(added.cid)) read.push(piece)
  assert.ok(Buffer.concat(read).equals(Buffer.alloc(2_000_000, 'y')))
  const small = await client.add('hello\n', { pin: false })
  assert.equal(small.cid.toString(), HELLO)
  assert.equal((await client.pin.add(small.cid)).toString(), HELLO)
  const pins: string[] = []
  for await (const pin of client.pin.ls()) pins.push(`${pin.cid.toString()} ${pin.type}`)
  assert.deepEqual(pins.sort(), [`${HELLO} recursive`, `${added.cid.toString()} recursive`].sort())
  assert.equal((await client.pin.rm(small.cid)).toString(), HELLO)
  await assert.rejects(client.pin.rm(small.cid), /pin is not part of the pinset/)
  const { id } = await client.id()
  assert.match(id.toString(), /^12D3KooW/)
  const block = await client.block.put(Buffer.from('raw block'))
  assert.equal(Buffer.from(await client.block.get(block)).toString(), 'raw block')
  assert.ok((await client.repo.stat()).repoSize > 0n)
  assert.deepEqual(await client.swarm.peers(), [])
})

test('the connector to a Kubo takes the proxy of a cluster for one', LIMIT, async () => {
  await using daemons = await openDaemons(['embedded'])
  const [peer] = daemons.peers
  assert.ok(peer !== undefined)
  const parts = { clock: systemClock, logger: silentLogger(), meter: createNoopMeter() }
  await using ipfs = await openKubo(parts, {
    nodeAddress: peer.proxy,
    requestTimeoutMs: 10_000,
    pinTimeoutMs: 10_000,
    unpinTimeoutMs: 10_000,
    repoGcTimeoutMs: 10_000,
    isUnpinDisabled: false,
  })
  const options = { signal: AbortSignal.timeout(60_000) }
  const named = await Promise.all(
    ['one', 'two'].map(async text => ({ cid: await cidOf(text), bytes: new TextEncoder().encode(text) })),
  )
  const source = async function* () {
    yield* named
  }
  await ipfs.putBlocks(source(), options)
  const [first, second] = named
  assert.ok(first !== undefined && second !== undefined)
  await ipfs.pin(first.cid, 'recursive', options)
  await ipfs.pin(second.cid, 'direct', options)
  assert.equal(await ipfs.pinned(first.cid, options), 'recursive')
  assert.equal(await ipfs.pinned(second.cid, options), 'direct')
  const all: string[] = []
  for await (const [cid, mode] of ipfs.allPinned(options)) all.push(`${cid.toString()} ${mode}`)
  assert.deepEqual(
    all.sort(),
    [`${first.cid.toString()} recursive`, `${second.cid.toString()} direct`].sort(),
  )
  assert.deepEqual(Buffer.from(await ipfs.getBlock(first.cid, options)).toString(), 'one')
  await ipfs.unpin(first.cid, options)
  await ipfs.unpin(first.cid, options)
  assert.equal(await ipfs.pinned(first.cid, options), undefined)
  await eventually('the node tells its size', async () => (await ipfs.repoStat(options)).storageMaxBytes > 0)
})
