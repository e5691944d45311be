import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { textOfIdentity } from '../../src/config/identity-file.ts'
import { createIdentity } from '../../src/model/identity.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses } from '../support/peer-processes.ts'

const CTL = join(import.meta.dirname, '../../src/bin/cluster-ctl.ts')
const SECRET = 'cd'.repeat(32)
const run = promisify(execFile)

interface Failure {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

test('ctl asks over the network of the cluster as whoever its identity file says, and only with the secret', {
  timeout: 170_000,
}, async () => {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-over-peers-'))
  stack.defer(() => rm(folder, { recursive: true }))
  const processes = stack.use(await openPeerProcesses())
  const [operator, viewer, stranger] = [createIdentity(), createIdentity(), createIdentity()]
  const identityFile = async (name: string, identity: typeof operator) => {
    const { id, privateKey } = textOfIdentity(identity)
    await writeFile(join(folder, name), JSON.stringify({ id, private_key: privateKey }))
    return join(folder, name)
  }
  const files = {
    operator: await identityFile('operator', operator),
    viewer: await identityFile('viewer', viewer),
    stranger: await identityFile('stranger', stranger),
  }
  const callers = `${operator.id}:admin,${viewer.id}:read`
  const peer = await processes.add({
    environment: { CLUSTER_SECRET: SECRET, CLUSTER_RESTAPI_LIBP2PCALLERS: callers },
  })
  const ctl = async (who: keyof typeof files, secret: string, ...args: readonly string[]) => {
    const global = ['--host', peer.address, '--secret', secret, '--identity', files[who]]
    const { stdout } = await run(process.execPath, [CTL, ...global, ...args], {
      env: { PATH: process.env['PATH'] },
      timeout: 60_000,
    })
    return stdout.trim()
  }
  const failure = async (call: Promise<unknown>): Promise<Failure> =>
    call.then(
      () => assert.fail('it did not fail'),
      (thrown: Failure) => thrown,
    )

  const cid = numberedCid(1).toString()
  assert.match(
    await ctl('operator', SECRET, 'pin', 'add', '--no-status', '--name', 'far', cid),
    new RegExp(cid),
  )
  await writeFile(join(folder, 'file'), Buffer.alloc(3_000_000, 'content'))
  assert.match(await ctl('operator', SECRET, 'add', join(folder, 'file')), /^added /)
  assert.match(await ctl('viewer', SECRET, 'pin', 'ls'), new RegExp(cid))
  const refused = await failure(ctl('viewer', SECRET, 'pin', 'rm', '--no-status', cid))
  assert.equal(refused.code, 2)
  assert.match(refused.stdout, /needs the scope "pin": peer ".*" has "read"/)
  const unknown = await failure(ctl('stranger', SECRET, 'id'))
  assert.equal(unknown.code, 2)
  assert.match(unknown.stdout, /no auth provided/)
  const outside = await failure(ctl('operator', 'ef'.repeat(32), 'id'))
  assert.equal(outside.code, 1)
  assert.match(outside.stdout + outside.stderr, /cannot be reached/)

  const audit = peer
    .log()
    .split('\n')
    .filter(line => line.includes('"component":"audit"'))
  assert.ok(
    audit.some(line => line.includes(`"remote":"${operator.id}"`) && line.includes(cid)),
    audit.join('\n'),
  )
})

test('a peer that names no callers serves nothing there', { timeout: 60_000 }, async () => {
  await using processes = await openPeerProcesses()
  const peer = await processes.add({ environment: { CLUSTER_SECRET: SECRET } })
  const call = run(process.execPath, [CTL, '--host', peer.address, '--secret', SECRET, 'id'], {
    env: { PATH: process.env['PATH'] },
  })
  await assert.rejects(call, { code: 1 })
})
