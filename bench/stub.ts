import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { eventually } from '../test/support/eventually.ts'
import { freePort } from '../test/support/peer-processes.ts'

/** A process in the place of an IPFS node. Disposing it ends it. */
export interface Stub extends AsyncDisposable {
  readonly url: string
  /** Multiaddr for `ipfshttp.node_multiaddress`. */
  readonly address: string
  readonly pid: number
}

/** A program of the yardstick, or one beside this file, that answers like Kubo. */
export async function startStub(program: string, ...args: string[]): Promise<Stub> {
  const port = await freePort()
  const child = spawn(process.execPath, [join(import.meta.dirname, program), String(port), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  await eventually('the stub answers', async () => (await fetch(`${url}/api/v0/id`)).ok, 120_000)
  return {
    url,
    address: `/ip4/127.0.0.1/tcp/${port}`,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}
