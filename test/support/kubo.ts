import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { access, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

/** A real Kubo in a temporary repository, on loopback only, connected to nobody. */
export interface RunningKubo extends AsyncDisposable {
  /** Multiaddr of its RPC. */
  readonly rpcAddress: string
  readonly repository: string
}

const START_LIMIT_MS = 30_000
const LOOK_EVERY_MS = 50

const SETTINGS: readonly (readonly [key: string, json: string])[] = [
  ['Bootstrap', '[]'],
  ['AutoConf.Enabled', 'false'],
  ['AutoTLS.Enabled', 'false'],
  ['Discovery.MDNS.Enabled', 'false'],
  ['Routing.Type', '"none"'],
  ['Routing.DelegatedRouters', '[]'],
  ['Ipns.DelegatedPublishers', '[]'],
  ['DNS.Resolvers', '{}'],
  ['Swarm.DisableNatPortMap', 'true'],
  ['Swarm.RelayClient.Enabled', 'false'],
  ['Plugins.Plugins.telemetry', '{"Disabled": true}'],
  ['Addresses.Gateway', '"/ip4/127.0.0.1/tcp/0"'],
  ['Addresses.Swarm', '["/ip4/127.0.0.1/tcp/0"]'],
]

/** The Kubo to test with: what KUBO_BIN names, else `ipfs` on the PATH; undefined when there is none. */
export async function findKubo(): Promise<string | undefined> {
  const named = process.env['KUBO_BIN']
  const candidates =
    named === undefined
      ? (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, 'ipfs'))
      : [named]
  for (const path of candidates) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}

/**
 * Starts a Kubo, with its RPC on the given port of loopback or on a free one and its repository in a new folder; ready to be
 * asked when it resolves. Disposing it ends the process and removes the repository.
 */
export async function startKubo(binary: string, rpcPort = 0, parent = tmpdir()): Promise<RunningKubo> {
  const repository = await mkdtemp(join(parent, 'pinfold-kubo-'))
  const environment = {
    ...process.env,
    IPFS_PATH: repository,
    IPFS_TELEMETRY: 'off',
    GOLOG_LOG_LEVEL: 'error',
  }
  const run = (...args: string[]) => promisify(execFile)(binary, args, { env: environment })
  await run('init', '--empty-repo', '--profile=test')
  for (const [key, json] of SETTINGS) await run('config', '--json', key, json)
  await run('config', 'Addresses.API', `/ip4/127.0.0.1/tcp/${rpcPort}`)
  const child = spawn(binary, ['daemon'], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000)
  })
  try {
    return {
      rpcAddress: await rpcAddressIn(repository, child, () => said),
      repository,
      [Symbol.asyncDispose]: () => stop(child, repository),
    }
  } catch (thrown) {
    await stop(child, repository)
    throw thrown
  }
}

async function rpcAddressIn(repository: string, child: ChildProcess, said: () => string): Promise<string> {
  const deadline = performance.now() + START_LIMIT_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`Kubo ended with ${child.exitCode}: ${said()}`)
    const address = await readFile(join(repository, 'api'), 'utf8').catch(() => '')
    if (address !== '') {
      const [, , host, , port] = address.trim().split('/')
      const isUp = await fetch(`http://${host}:${port}/api/v0/version`, { method: 'POST' }).then(
        answer => answer.ok,
        () => false,
      )
      if (isUp) return address.trim()
    }
    await new Promise(resolve => setTimeout(resolve, LOOK_EVERY_MS))
  }
  throw new Error(`Kubo did not come up within ${START_LIMIT_MS} ms: ${said()}`)
}

async function stop(child: ChildProcess, repository: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
    child.kill('SIGKILL')
    await ended
  }
  await rm(repository, { recursive: true, force: true })
}
