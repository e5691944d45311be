import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { startStubIpfs } from '../crash/stub-ipfs.ts'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses } from '../support/peer-processes.ts'

const CTL = join(import.meta.dirname, '../../src/bin/cluster-ctl.ts')
const run = promisify(execFile)

test('a token made by ctl is good for its scope and its limits, over a restart, and for nothing once it is revoked', {
  timeout: 120_000,
}, async () => {
  await using stack = new AsyncDisposableStack()
  const kubo = stack.use(await startStubIpfs()).address
  const processes = stack.use(await openPeerProcesses())
  const peer = await processes.add({ kubo })
  const ctl = async (...args: readonly string[]) => {
    const env = { PATH: process.env['PATH'] }
    const { stdout } = await run(process.execPath, [CTL, '--host', peer.host, ...args], { env })
    return stdout.trim()
  }
  const token = await ctl('token', 'create', '--scope', 'pin', '--pins', '3', '--expire-in', '1h', 'ci')
  assert.match(token, /^pf_[A-Za-z0-9_-]{43}$/)
  const ask = async (method: string, path: string) => {
    const headers = { Authorization: `Bearer ${token}` }
    const response = await fetch(`${peer.url}${path}`, { method, headers })
    await response.text()
    return response.status
  }
  const pin = (number: number) => ask('POST', `/pins/${numberedCid(number).toString()}`)
  assert.equal(await ask('GET', '/id'), 200)
  assert.equal(await ask('POST', '/ipfs/gc'), 403)
  assert.equal(await ask('POST', '/tokens'), 403)
  assert.equal(await pin(1), 200)
  assert.equal(await pin(2), 200)

  await peer.stop()
  const kept = await readFile(join(peer.folder, 'api-tokens.json'), 'utf8')
  assert.ok(!kept.includes(token), 'only the hash is kept')
  await peer.start()
  assert.equal(await pin(3), 200)
  assert.equal(await pin(4), 403)
  assert.match(await ctl('token', 'ls'), /^ci \| pin \| expires: 2.* \| pins: 3 of 3 \|/)
  assert.match(await ctl('--token', token, 'pin', 'ls'), /./)
  await assert.rejects(ctl('--token', token, 'ipfs', 'gc'), { code: 2 })

  await ctl('token', 'revoke', 'ci')
  assert.equal(await ask('GET', '/id'), 401)
  assert.equal(await pin(5), 401)
  await eventually('the audit line is written', async () =>
    peer
      .log()
      .split('\n')
      .some(line => line.includes('"component":"audit"') && line.includes('"route":"/tokens/:name"')),
  )
  assert.ok(!peer.log().includes(token), 'no log has the token')
})

test('a peer whose API other machines reach does not start without saying who may use it', {
  timeout: 60_000,
}, async () => {
  await using processes = await openPeerProcesses()
  const open = { CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: '/ip4/0.0.0.0/tcp/0' }
  await assert.rejects(processes.add({ environment: open }), (thrown: Error) => {
    assert.match(thrown.message, /can be reached from other machines/)
    assert.match(thrown.message, /CLUSTER_RESTAPI_ANONYMOUSSCOPE=admin/)
    return true
  })
})
