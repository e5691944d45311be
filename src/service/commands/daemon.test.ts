import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { testContext } from '../../../test/support/command-context.ts'
import { lockFolder } from '../../config/lock.ts'
import type { DaemonSettings } from '../../config/settings.ts'
import type { RunningDaemon } from '../command.ts'
import { COMMANDS } from '../commands.ts'
import { runService } from '../program.ts'

const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const ENVIRONMENT = { CLUSTER_IPFSCONNECTOR_NODE: 'embedded', CLUSTER_PEERNAME: 'one' }

interface Given {
  readonly argv?: readonly string[]
  readonly hasConfig?: boolean
  /** Called as the daemon opens, with the way to stop it. */
  readonly open?: (settings: DaemonSettings, stop: () => void, folder: string) => Promise<RunningDaemon>
}

async function runDaemon({ argv = [], hasConfig = true, open }: Given) {
  const base = await mkdtemp(join(tmpdir(), 'pinfold-daemon-'))
  const folder = join(base, 'peer')
  try {
    if (hasConfig) {
      await runService(['-c', folder, 'init'], COMMANDS, testContext({ environment: ENVIRONMENT }).context)
    }
    const stopping = new AbortController()
    const { context, stdout, stderr } = testContext({
      environment: ENVIRONMENT,
      signal: stopping.signal,
      openDaemon: settings =>
        open?.(settings, () => stopping.abort(new Error('stop')), folder) ??
        Promise.reject(new Error('not now')),
    })
    const code = await runService(['-c', folder, 'daemon', ...argv], COMMANDS, context)
    // Free again, whatever happened.
    lockFolder(join(folder, 'cluster.lock'))[Symbol.dispose]()
    return { code, stdout: stdout(), stderr: stderr() }
  } finally {
    await rm(base, { recursive: true })
  }
}

/** A daemon that is ready and asks to be stopped at once. */
function shortLived(stop: () => void, onClose: () => void = () => undefined): RunningDaemon {
  queueMicrotask(stop)
  return { ready: Promise.resolve(), [Symbol.asyncDispose]: async () => onClose() }
}

test('the daemon runs with its settings until it is asked to stop, and is closed in good order', async () => {
  let closed = 0
  let settings: DaemonSettings | undefined
  const argv = ['--bootstrap', `/ip4/127.0.0.1/tcp/1/p2p/${PEER}`, '--stats', '-u', '-x']
  const { code, stderr } = await runDaemon({
    argv,
    open: async (given, stop) => {
      settings = given
      return shortLived(stop, () => {
        closed += 1
      })
    },
  })
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.equal(closed, 1)
  assert.equal(settings?.cluster.peername, 'one')
  assert.deepEqual(settings?.bootstrap, [`/ip4/127.0.0.1/tcp/1/p2p/${PEER}`])
  assert.ok(settings?.observability.metricsAddress !== undefined)
})

test('a second daemon in the folder fails, and the first goes on', async () => {
  const { code } = await runDaemon({
    open: async (_, stop, folder) => {
      const second = testContext({ environment: ENVIRONMENT })
      assert.equal(await runService(['-c', folder, 'daemon'], COMMANDS, second.context), 1)
      assert.match(second.stderr(), /^error obtaining execution lock: lock .*someone else has the lock/)
      return shortLived(stop)
    },
  })
  assert.equal(code, 0)
})

test('without a configuration it says how to make one', async () => {
  const { code, stderr } = await runDaemon({ hasConfig: false })
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^error loading configurations: open .*service\.json: no such file or directory\. .*init/,
  )
})

test('a bad bootstrap address is named', async () => {
  const { code, stderr } = await runDaemon({ argv: ['-j', 'foo'] })
  assert.equal(code, 1)
  assert.match(stderr, /^error parsing bootstrap multiaddress \(foo\): /)
})

test('a part that does not open is an error; so is a peer that never gets ready, after it was closed', async () => {
  const refused = await runDaemon({ open: () => Promise.reject(new Error('port 9094 is taken')) })
  assert.deepEqual(refused, { code: 1, stdout: '', stderr: 'error starting cluster: port 9094 is taken\n' })
  let closed = 0
  const failed = await runDaemon({
    open: async () => ({
      ready: Promise.reject(new Error('no')),
      async [Symbol.asyncDispose]() {
        closed += 1
      },
    }),
  })
  assert.deepEqual(failed, { code: 1, stdout: '', stderr: 'error starting cluster: no\n' })
  assert.equal(closed, 1)
})

test('a part that does not close is an error', async () => {
  const { code, stderr } = await runDaemon({
    open: async (_, stop) =>
      shortLived(stop, () => {
        throw new Error('the disk is full')
      }),
  })
  assert.deepEqual({ code, stderr }, { code: 1, stderr: 'error stopping cluster: the disk is full\n' })
})
