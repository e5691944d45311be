import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newDocument } from '../../src/config/default-document.ts'
import { toSettings } from '../../src/config/settings.ts'
import { openDaemon } from '../../src/daemon.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { createIdentity } from '../../src/model/identity.ts'
import { freePort } from './peer-processes.ts'

/** A whole peer inside the test's process. */
export interface TestDaemon {
  readonly id: string
  /** `http://127.0.0.1:<port>` of the REST API. */
  readonly url: string
  /** Multiaddr of the IPFS proxy. */
  readonly proxy: string
  /** Stops it, as a signal would; the others go on. */
  stop(): Promise<void>
}

/** Whole peers of one cluster inside the test's process: quicker to open than processes. */
export interface TestDaemons extends AsyncDisposable {
  readonly peers: readonly TestDaemon[]
}

/** Opens a peer for each node: an embedded one, or the Kubo at a multiaddr. `more` are settings of the one at a place. */
export async function openDaemons(
  nodes: readonly ('embedded' | `/${string}`)[],
  more: (at: number) => Readonly<Record<string, string>> = () => ({}),
): Promise<TestDaemons> {
  await using opened = new AsyncDisposableStack()
  const root = await mkdtemp(join(tmpdir(), 'pinfold-daemons-'))
  opened.defer(() => rm(root, { recursive: true, force: true }))
  const secret = randomBytes(32).toString('hex')
  const bootstrap: string[] = []
  const peers: TestDaemon[] = []
  for (const [at, node] of nodes.entries()) {
    const swarm = await freePort()
    const isEmbedded = node === 'embedded'
    const environment = {
      CLUSTER_SECRET: secret,
      CLUSTER_PEERNAME: `peer${at}`,
      CLUSTER_LISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${swarm}`,
      CLUSTER_MONITORPINGINTERVAL: '1s',
      CLUSTER_CRDT_TRUSTEDPEERS: '*',
      CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
      CLUSTER_IPFSPROXY_LISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
      CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
      CLUSTER_IPFSCONNECTOR_NODE: isEmbedded ? 'embedded' : 'kubo',
      CLUSTER_IPFSHTTP_CONNECTSWARMSDELAY: '1s',
      CLUSTER_IPFSEMBEDDED_LISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
      ...(isEmbedded ? {} : { CLUSTER_IPFSHTTP_NODEMULTIADDRESS: node }),
      ...more(at),
    }
    const folder = join(root, `peer${at}`)
    const identity = createIdentity()
    const settings = toSettings(newDocument([], environment, folder), {
      folder,
      identity,
      knownAddresses: [],
      bootstrap: [...bootstrap],
      environment: {},
      logLevel: 'error',
      where: folder,
    })
    const daemon = opened.use(await openDaemon(settings, { clock: systemClock, random: systemRandom }))
    await daemon.ready
    bootstrap.push(`/ip4/127.0.0.1/tcp/${swarm}/p2p/${identity.id}`)
    const port = String(daemon.apiAddresses[0]).split('/').at(-1)
    peers.push({
      id: identity.id,
      url: `http://127.0.0.1:${port}`,
      proxy: String(daemon.proxyAddresses[0]),
      stop: async () => daemon[Symbol.asyncDispose](),
    })
  }
  const all = opened.move()
  return { peers, [Symbol.asyncDispose]: () => all.disposeAsync() }
}
