// The yardstick: three real peers, a stub in the place of IPFS, load and stubs on the same cores. A table on stdout.
// usage: node bench/yardstick.ts [REQUESTS=20000] [PINS=100000] [CONNECTIONS=50]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../test/support/eventually.ts'
import { freePort, openPeerProcesses, type PeerProcess } from '../test/support/peer-processes.ts'

const requests = Number(process.argv[2] ?? 20_000)
const pins = Number(process.argv[3] ?? 100_000)
const connections = process.argv[4] ?? '50'
const program = (name: string) => join(import.meta.dirname, 'yardstick', `${name}.mjs`)
const folder = await mkdtemp(join(tmpdir(), 'pinfold-yardstick-'))
await using cleanup = new AsyncDisposableStack()
cleanup.defer(() => rm(folder, { recursive: true, force: true }))
const rows: { what: string; figure: string }[] = []
const note = (what: string, figure: string) => {
  rows.push({ what, figure })
  console.error(`${what}: ${figure}`)
}

async function run(name: string, ...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [program(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  await once(child, 'close')
  return out
}

async function stub(): Promise<number> {
  const port = await freePort()
  const child = spawn(process.execPath, [program('stub-ipfs'), String(port)], { stdio: 'ignore' })
  cleanup.defer(async () => {
    const ended = once(child, 'exit')
    child.kill()
    await ended
  })
  await eventually('the stub answers', async () => (await fetch(`http://127.0.0.1:${port}/api/v0/id`)).ok)
  return port
}

async function residentMb(peer: PeerProcess): Promise<number> {
  const status = await readFile(`/proc/${peer.pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000)
}

async function pinnedIn(port: number): Promise<number> {
  const stat: unknown = await (await fetch(`http://127.0.0.1:${port}/api/v0/_stat`)).json()
  return typeof stat === 'object' && stat !== null && 'pins' in stat ? Number(stat.pins) : 0
}

const stubs = [await stub(), await stub(), await stub()]
const processes = cleanup.use(await openPeerProcesses())
for (const port of stubs) await processes.add({ kubo: `/ip4/127.0.0.1/tcp/${port}` })
const { peers } = processes
const hosts = peers.map(peer => new URL(peer.url).host)
const [host = ''] = hosts
await eventually(
  'all peers know each other',
  async () => {
    const seen = await Promise.all(
      peers.map(async peer => (await (await fetch(`${peer.url}/peers`)).text()).trim().split('\n').length),
    )
    return seen.every(count => count === 3)
  },
  30_000,
)
const memory = async () => (await Promise.all(peers.map(residentMb))).join(' / ')
note('resident, idle (writer / others), MB', await memory())

const cids = join(folder, 'cids.txt')
await writeFile(cids, await run('cids', String(pins)))
const started = performance.now()
const load = await run('load', 'POST', host, '/pins/', cids, connections, '0', String(requests))
note(`POST /pins/{cid}, ${requests} new pins, ${connections} connections`, load.trim())
const equal = await run('converged', String(requests), '120', ...hosts)
note('all three pinsets equal after the last answer', equal.trim())
await eventually(
  'everything is pinned in IPFS',
  async () => (await Promise.all(stubs.map(pinnedIn))).every(count => count === requests),
  300_000,
)
note(
  `all 3 × ${requests} pinned in IPFS, from the first request, s`,
  ((performance.now() - started) / 1000).toFixed(1),
)
note(
  'GET /allocations/{cid}, 20 connections',
  (await run('load', 'GET', host, '/allocations/', cids, '20', '0', String(requests))).trim(),
)
note(
  'GET /pins/{cid}, 20 connections',
  (await run('load', 'GET', host, '/pins/', cids, '20', '0', '2000')).trim(),
)
note(
  'pin again what is pinned, unchanged',
  (await run('load', 'POST', host, '/pins/', cids, connections, '0', String(requests))).trim(),
)
note(
  `${pins - requests} further pins`,
  (await run('load', 'POST', host, '/pins/', cids, connections, String(requests))).trim(),
)
note(
  'all three pinsets equal after the last answer',
  (await run('converged', String(pins), '120', ...hosts)).trim(),
)
note(`resident with ${pins} pins right after the load, MB`, await memory())
await eventually(
  'everything is pinned in IPFS',
  async () => (await Promise.all(stubs.map(pinnedIn))).every(count => count === pins),
  600_000,
)
note(`resident with ${pins} pins, all tracked, MB`, await memory())
const [writer] = peers
if (writer === undefined) throw new Error('no peer')
await writer.stop()
const stopped = performance.now()
await writer.start()
note(`restart until HTTP answers, ${pins} pins, s`, ((performance.now() - stopped) / 1000).toFixed(2))
note('resident after the restart, MB', String(await residentMb(writer)))
note(
  'DELETE /pins/{cid}, 50 connections',
  (await run('load', 'DELETE', host, '/pins/', cids, connections, '0', String(requests))).trim(),
)
note(
  'all three pinsets equal after the last answer',
  (await run('converged', String(pins - requests), '120', ...hosts)).trim(),
)
console.table(rows)
