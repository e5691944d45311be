import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openClient } from '../../src/api/client.ts'
import { freePort as freePortOf } from '../../src/service/free-port.ts'
import { eventually } from './eventually.ts'

const SERVICE = join(import.meta.dirname, '../../src/bin/cluster-service.ts')

/** How a peer differs from the default: a test wants quick heartbeats and its own settings. */
export interface PeerOptions {
  /** File of the `cluster-service` to run; without it the one of the sources. */
  readonly program?: string
  /** Multiaddr of a Kubo; without it the peer has an embedded node. */
  readonly kubo?: string
  readonly environment?: Readonly<Record<string, string>>
  /** A network namespace to run in, and its address there; the API then listens on a Unix socket. */
  readonly namespace?: { readonly name: string; readonly ip: string }
  /** Folder that exists and is empty, on a small disk for instance; without it one beside the others. */
  readonly folder?: string
}

/** A real peer: a process of its own, on loopback, in a temporary folder. */
export interface PeerProcess {
  readonly folder: string
  readonly id: string
  /** `http://127.0.0.1:<port>`; in a namespace of no use to others. */
  readonly url: string
  /** The API's address for `openClient`. */
  readonly host: string
  /** Multiaddr of its IPFS proxy. */
  readonly proxy: string
  /** URL of its Pinning Service API. */
  readonly pinsvc: string
  /** Multiaddr that other peers bootstrap from. */
  readonly address: string
  readonly pid: number
  /** Undefined while it runs, and when a signal ended it. */
  readonly exitCode: number | undefined
  /** Everything that it wrote to standard error so far. */
  readonly log: () => string
  /** Starts it again after `stop` or `kill`; resolves when the API answers. */
  start(): Promise<void>
  /** Starts it again without waiting for anything. */
  launch(): void
  /** Resolves when the API of a launched peer answers; fails when the process ends before. */
  answers(): Promise<void>
  /** SIGTERM, and waits for a clean end. */
  stop(): Promise<void>
  /** SIGKILL: nothing is flushed. */
  kill(): Promise<void>
  signal(name: NodeJS.Signals): void
}

/** Real peers that share a secret. Disposing it ends all of them and removes their folders. */
export interface PeerProcesses extends AsyncDisposable {
  readonly peers: readonly PeerProcess[]
  /** Makes and starts one more, which bootstraps from the first. */
  add(options?: PeerOptions): Promise<PeerProcess>
}

/** The system gives a port again as soon as it is free, also before its first owner has opened it. */
const givenPorts = new Set<number>()

/** A TCP port on loopback that is free now, and that this process was not given before. */
export function freePort(): Promise<number> {
  return freePortOf('127.0.0.1', 0, givenPorts)
}

/** An empty set of peers. */
export async function openPeerProcesses(): Promise<PeerProcesses> {
  const root = await mkdtemp(join(tmpdir(), 'pinfold-peers-'))
  const secret = randomBytes(32).toString('hex')
  const peers: (PeerProcess & { end(): Promise<void> })[] = []
  return {
    peers,
    async add(options = {}) {
      const folder = options.folder ?? join(root, `peer${peers.length}`)
      await mkdir(folder, { recursive: true })
      const first = peers[0]
      const peer = await makePeer(folder, {
        ...options,
        secret,
        name: `peer${peers.length}`,
        bootstrap: first?.address,
      })
      peers.push(peer)
      await peer.start()
      return peer
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(peers.map(peer => peer.end()))
      await rm(root, { recursive: true, force: true })
    },
  }
}

interface MakeOptions extends PeerOptions {
  readonly secret: string
  readonly name: string
  readonly bootstrap: string | undefined
}

async function makePeer(
  folder: string,
  options: MakeOptions,
): Promise<PeerProcess & { end(): Promise<void> }> {
  const { namespace, program = SERVICE } = options
  const [api, proxy, swarm, ipfs] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const pinsvc = await freePort()
  const ip = namespace?.ip ?? '127.0.0.1'
  const host = namespace === undefined ? `/ip4/127.0.0.1/tcp/${api}` : `/unix${folder}/api.sock`
  const environment: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: folder,
    CLUSTER_PATH: folder,
    CLUSTER_SECRET: options.secret,
    CLUSTER_PEERNAME: options.name,
    CLUSTER_LISTENMULTIADDRESS: `/ip4/${ip}/tcp/${swarm}`,
    CLUSTER_MONITORPINGINTERVAL: '1s',
    CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: host,
    CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${pinsvc}`,
    CLUSTER_IPFSPROXY_LISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${proxy}`,
    CLUSTER_IPFSCONNECTOR_NODE: options.kubo === undefined ? 'embedded' : 'kubo',
    CLUSTER_IPFSHTTP_CONNECTSWARMSDELAY: '1s',
    CLUSTER_IPFSEMBEDDED_LISTENMULTIADDRESS: `/ip4/${ip}/tcp/${ipfs}`,
    ...(options.kubo === undefined ? {} : { CLUSTER_IPFSHTTP_NODEMULTIADDRESS: options.kubo }),
    ...options.environment,
  }
  const init = spawn(process.execPath, [program, 'init'], { env: environment, stdio: 'ignore' })
  const [code] = await once(init, 'exit')
  assert.equal(code, 0, 'cluster-service init')
  const identity: unknown = JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8'))
  assert.ok(
    typeof identity === 'object' && identity !== null && 'id' in identity && typeof identity.id === 'string',
  )
  const id = identity.id
  const url = `http://127.0.0.1:${api}`
  const bootstrap = options.bootstrap === undefined ? [] : ['--bootstrap', options.bootstrap]
  const client = openClient({ hosts: [host], timeoutMs: 5000 })
  let child: ChildProcess | undefined
  let log = ''
  const end = async (name: NodeJS.Signals) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(name)
    await ended
  }
  const launch = () => {
    const inside = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace.name]
    const [command = '', ...args] = [...inside, process.execPath, program, 'daemon', ...bootstrap]
    child = spawn(command, args, {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.on('data', (text: Buffer) => {
      log = `${log}${text.toString()}`.slice(-200_000)
    })
  }
  const answers = async () => {
    const started = child
    const hasEnded = () => started?.exitCode !== null
    await eventually(
      `${options.name} answers`,
      async () => hasEnded() || (await client.id({}, { signal: AbortSignal.timeout(5000) })).id === id,
      30_000,
    )
    assert.ok(!hasEnded(), `${options.name} ended: ${log.slice(-2000)}`)
  }
  return {
    folder,
    id,
    url,
    host,
    pinsvc: `http://127.0.0.1:${pinsvc}`,
    proxy: `/ip4/127.0.0.1/tcp/${proxy}`,
    address: `/ip4/${ip}/tcp/${swarm}/p2p/${id}`,
    get pid() {
      return child?.pid ?? 0
    },
    get exitCode() {
      return child?.exitCode ?? undefined
    },
    log: () => log,
    launch,
    answers,
    async start() {
      launch()
      await answers()
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    signal: name => void child?.kill(name),
    async end() {
      await end('SIGKILL')
    },
  }
}
