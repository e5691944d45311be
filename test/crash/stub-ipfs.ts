import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/peer-processes.ts'

const PROGRAM = join(import.meta.dirname, '../../bench/yardstick/stub-ipfs.mjs')

/** A process in the place of IPFS, which has every pin at once. */
export interface StubIpfs extends AsyncDisposable {
  /** Multiaddr of its RPC. */
  readonly address: string
}

/** Starts a stub on a free port. */
export async function startStubIpfs(): Promise<StubIpfs> {
  const port = await freePort()
  const child = spawn(process.execPath, [PROGRAM, String(port)], { stdio: 'ignore' })
  const stub: StubIpfs = {
    address: `/ip4/127.0.0.1/tcp/${port}`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
  await eventually('the stub answers', async () => (await fetch(`http://127.0.0.1:${port}/api/v0/id`)).ok)
  return stub
}
