import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openPeerProcesses } from '../support/peer-processes.ts'

const ROOT = join(import.meta.dirname, '../..')
const PROGRAM = join(
  ROOT,
  'compliance/node_modules/@ipfs-shipyard/pinning-service-compliance/dist/src/index.js',
)
const HERE = join(import.meta.dirname, 'pinsvc-compliance')
/** Checks of version 1.8.1. Fewer would mean that one did not run, which the package itself does not count. */
const CHECKS = 9
const LIMIT_MS = 120_000

const skip = existsSync(PROGRAM)
  ? false
  : 'the compliance package is not installed: run "npm ci --ignore-scripts" in the folder compliance'

test('the compliance package of the pinning service specification passes whole', { skip }, async () => {
  await using peers = await openPeerProcesses()
  const peer = await peers.add({ environment: { CLUSTER_PINSVCAPI_ANONYMOUSSCOPE: 'none' } })
  const made = await fetch(`${peer.url}/tokens`, {
    method: 'POST',
    body: JSON.stringify({ name: 'compliance', scope: 'pin' }),
  })
  const answer: unknown = await made.json()
  assert.ok(typeof answer === 'object' && answer !== null && 'token' in answer)
  const reports = await mkdtemp(join(tmpdir(), 'pinfold-compliance-'))
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', join(HERE, 'hook.ts'), PROGRAM, '-s', peer.pinsvc, String(answer.token)],
      {
        cwd: reports,
        timeout: LIMIT_MS,
        maxBuffer: 16 * 1024 * 1024,
        env: {
          ...process.env,
          COMPLIANCE_SCHEMAS: join(HERE, 'schemas.json'),
          COMPLIANCE_REPORTS: reports,
        },
      },
    )
    const result: unknown = JSON.parse(await readFile(join(reports, '127.0.0.1.json'), 'utf8'))
    assert.deepEqual(result, { total: CHECKS, passed: CHECKS, failed: 0, success: true }, stdout)
    assert.doesNotMatch(stdout, /Could not get joi schema|Problem running compliance check/)
  } finally {
    await rm(reports, { recursive: true, force: true })
  }
})
