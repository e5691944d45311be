import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from '../support/eventually.ts'
import { findKubo, startKubo } from '../support/kubo.ts'
import { openPeerProcesses } from '../support/peer-processes.ts'

const binary = await findKubo()
const skip = binary === undefined ? 'no ipfs on the PATH' : false

test('"ipfs pin remote" of a real Kubo adds, lists by status and name, and removes', { skip }, async () => {
  assert.ok(binary !== undefined)
  await using kubo = await startKubo(binary)
  await using peers = await openPeerProcesses()
  const peer = await peers.add()
  const environment = { ...process.env, IPFS_PATH: kubo.repository, IPFS_TELEMETRY: 'off' }
  const ipfs = async (args: readonly string[], input?: string) => {
    const run = promisify(execFile)(binary, [...args], { env: environment, timeout: 60_000 })
    if (input !== undefined) run.child.stdin?.end(input)
    return (await run).stdout.trim()
  }
  const remote = (...args: string[]) => ipfs(['pin', 'remote', ...args])
  const cid = await ipfs(['add', '--quieter', '--cid-version=1'], 'hello from Kubo')
  await remote('service', 'add', 'mine', peer.pinsvc, 'any key')
  assert.match(await remote('service', 'ls', '--stat'), /^mine\s+\S+\s+0\/0\/0\/0$/m)

  // The content is only on that Kubo: the peer gets it through the origins that Kubo sends along.
  await remote('add', '--service=mine', '--background', '--name=first', cid)
  const list = (...args: string[]) => remote('ls', '--service=mine', ...args)
  await eventually('the content is pinned', async () => /pinned/.test(await list('--status=pinned')), 30_000)
  assert.match(await list('--name=first'), new RegExp(`^${cid}\\s+pinned\\s+first$`))
  assert.equal(await list('--name=other'), '')
  assert.equal(await list('--status=failed'), '')

  // In the foreground Kubo waits until it is pinned.
  assert.match(await remote('add', '--service=mine', '--name=second', cid), /Status:\s+pinned/)
  assert.equal((await list(`--cid=${cid}`)).split('\n').length, 2)
  assert.match(await remote('service', 'ls', '--stat'), /\s0\/0\/2\/0$/m)
  await remote('rm', '--service=mine', '--name=first')
  assert.match(await list(), /second$/)
  const isPinned = async () => (await fetch(`${peer.url}/allocations/${cid}`)).ok
  assert.ok(await isPinned())
  await remote('rm', '--service=mine', `--cid=${cid}`)
  assert.equal(await list(), '')
  assert.equal(await isPinned(), false)
  await assert.rejects(remote('add', '--service=mine', `--name=${'x'.repeat(256)}`, cid), /255/)
})
