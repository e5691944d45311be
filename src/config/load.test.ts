import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRandom } from '../lib/random.ts'
import { createIdentity } from '../model/identity.ts'
import { documentText, newDocument, newSecret } from './default-document.ts'
import type { Environment } from './environment.ts'
import { textOfIdentity, writeIdentity } from './identity-file.ts'
import { loadSettings, type RunFlags } from './load.ts'
import { pathsIn } from './paths.ts'
import { isJsonObject, type JsonObject } from './setting.ts'

const FIXTURES = new URL('../../test/fixtures/ipfs-cluster/', import.meta.url)
const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const FLAGS: RunFlags = {
  bootstrap: [],
  isBootstrapTrusted: true,
  hasStats: false,
  hasTracing: false,
  leavesOnShutdown: false,
  logLevel: '',
}

interface Given {
  readonly service?: unknown
  readonly fixture?: string
  readonly environment?: Environment
  readonly flags?: Partial<RunFlags>
  readonly peerstore?: string
  readonly hasIdentity?: boolean
}

async function load(given: Given, look?: (folder: string) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-load-'))
  try {
    const paths = pathsIn(join(folder, 'peer'))
    await mkdir(paths.folder)
    if (given.hasIdentity !== false) await writeIdentity(paths, createIdentity())
    if (given.fixture !== undefined) await cp(new URL(given.fixture, FIXTURES), paths.service)
    if (given.service !== undefined) {
      await writeFile(
        paths.service,
        typeof given.service === 'string' ? given.service : JSON.stringify(given.service),
      )
    }
    if (given.peerstore !== undefined) await writeFile(paths.peerstore, given.peerstore)
    const settings = await loadSettings({
      folder: paths.folder,
      environment: given.environment ?? {},
      flags: { ...FLAGS, ...given.flags },
      signal: AbortSignal.timeout(10_000),
    })
    await look?.(paths.folder)
    return { settings, paths }
  } finally {
    await rm(folder, { recursive: true })
  }
}

const minimal = (rest: JsonObject = {}): JsonObject => ({ cluster: {}, informer: { disk: {} }, ...rest })

test('a file of the reference is taken as it stands, with notes on what has no counterpart', async () => {
  const { settings, paths } = await load({ fixture: 'service.json' })
  assert.equal(settings.cluster.peername, 'HOSTNAME')
  assert.equal(settings.network.secret?.length, 32)
  assert.equal(settings.consensus.trustedPeers, undefined)
  assert.equal(settings.ipfs.node, 'kubo')
  assert.deepEqual(settings.cluster.allocateBy, ['tag:group', 'freespace'])
  assert.ok(settings.restApi !== undefined)
  assert.equal(settings.storeFolder, join(paths.folder, 'level'))
  assert.equal(settings.peerstoreFile, paths.peerstore)
  assert.ok(settings.notes.some(note => note.startsWith('datastore.pebble is not used')))
})

test('a file that the reference wrote from its environment is taken', async () => {
  const { settings } = await load({ fixture: 'service-env.json' })
  assert.equal(settings.cluster.peername, 'envname')
  assert.equal(settings.network.connectionsMax, 777)
  assert.deepEqual(settings.consensus.trustedPeers, new Set([PEER]))
  assert.equal(settings.cluster.isFollower, true)
  assert.deepEqual(settings.restApi?.gate.basicAuth, { u: 'p', u2: 'p2' })
})

test('a raft peer of the reference is refused, with the way to move', () =>
  assert.rejects(
    load({ fixture: 'service-raft.json' }),
    /service\.json: consensus\.raft is not offered.*pin add/,
  ))

test('without a file, with a broken one and without an identity, the message says what to do', async () => {
  await assert.rejects(load({}), /service\.json: no such file or directory.*init/)
  await assert.rejects(
    load({ service: '{\n "cluster": {\n  "secret": "abcdef",,' }),
    (thrown: Error) =>
      /is not JSON: look in line 3/.test(thrown.message) && !thrown.message.includes('abcdef'),
  )
  await assert.rejects(
    load({ service: minimal(), hasIdentity: false }),
    /identity\.json does not exist.*init/,
  )
})

test('contradictions of several sections are told at once', () =>
  assert.rejects(
    load({
      service: {
        cluster: {
          replication_factor_min: 3,
          replication_factor_max: 2,
          pin_only_on_trusted_peers: true,
          pin_only_on_untrusted_peers: true,
          state_sync_interval: '0s',
          connection_manager: { low_water: 500 },
        },
        consensus: { crdt: { trusted_peers: ['nobody'] } },
        api: { restapi: { ssl_cert_file: 'cert.pem' } },
      },
    }),
    (thrown: Error) =>
      [
        /has 7 faults/,
        /cluster\.replication_factor_min is larger than max/,
        /pin_only_on_trusted_peers and pin_only_on_untrusted_peers exclude/,
        /state_sync_interval must be longer than 0/,
        /low_water is greater than high_water/,
        /trusted_peers must hold peer ids/,
        /ssl_cert_file and ssl_key_file/,
        /informer has no section/,
      ].every(expected => {
        assert.match(thrown.message, expected)
        return true
      }),
  ))

test('a heartbeat that others would refuse, and limits in the wrong order, are refused at start', async () => {
  const failing = (cluster: object, pubsubmon: object) =>
    load({ service: { ...minimal({ cluster }), monitor: { pubsubmon } } })
  for (const interval of ['1ms', '24h'])
    await assert.rejects(
      failing({ monitor_ping_interval: interval }, {}),
      /cluster\.monitor_ping_interval must be from 100ms to 10m/,
    )
  await assert.rejects(
    failing({}, { unreachable_after: '20s', gone_after: '15s' }),
    /monitor\.pubsubmon\.gone_after must not be shorter than unreachable_after: 15s is less than 20s/,
  )
  await assert.rejects(failing({}, { min_std_deviation: '0s' }), /min_std_deviation must be longer than 0/)
  await assert.rejects(failing({}, { suspect_phi: 101 }), /suspect_phi/)
})

test('replication of which one is "every peer" and the other is not is refused', () =>
  assert.rejects(
    load({ service: minimal({ cluster: { replication_factor_min: 2, replication_factor_max: 0 } }) }),
    /must both be -1, or neither/,
  ))

test('bootstrap peers are known and trusted for the run, unless that is not wanted', async () => {
  const bootstrap = [`/ip4/127.0.0.1/tcp/9096/p2p/${PEER}`]
  const service = minimal({ consensus: { crdt: { trusted_peers: [] } } })
  const { settings } = await load({ service, flags: { bootstrap } })
  assert.deepEqual(settings.consensus.trustedPeers, new Set([PEER]))
  assert.deepEqual(settings.network.peerAddresses, bootstrap)
  assert.deepEqual(settings.bootstrap, bootstrap)
  const wary = await load({ service, flags: { bootstrap, isBootstrapTrusted: false } })
  assert.deepEqual(wary.settings.consensus.trustedPeers, new Set())
})

test('the addresses of the peerstore are known; lines that are none are noted', async () => {
  const address = `/dns4/peer.example/tcp/9096/p2p/${PEER}`
  const { settings } = await load({ service: minimal(), peerstore: `# kept\n${address}\n/ip4/1.2.3.4\n` })
  assert.deepEqual(settings.network.peerAddresses, [address])
  assert.match(settings.notes.join('\n'), /a line of .*peerstore is passed over: .*\/ip4\/1\.2\.3\.4/)
})

test('flags go before environment and file', async () => {
  const service = minimal({ observations: { metrics: { enable_stats: false } } })
  const { settings } = await load({
    service,
    environment: { CLUSTER_METRICS_ENABLESTATS: 'false', CLUSTER_TRACING_ENABLETRACING: 'false' },
    flags: { hasStats: true, hasTracing: true, logLevel: 'debug' },
  })
  assert.equal(settings.observability.metricsAddress, '/ip4/127.0.0.1/tcp/8888')
  assert.ok(settings.observability.tracing !== undefined)
  assert.equal(settings.observability.logs.levels.byDefault, 'debug')
})

test('an identity in an old service.json is moved to its own file', async () => {
  const { id, privateKey } = textOfIdentity(createIdentity())
  const service = minimal({ cluster: { id, private_key: privateKey } })
  const { settings } = await load({ service, hasIdentity: false }, async folder => {
    const file: unknown = JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8'))
    assert.deepEqual(file, { id, private_key: privateKey })
  })
  assert.equal(settings.identity.id, id)
  assert.match(settings.notes.join('\n'), /was copied to .*identity\.json/)
})

test('the identity of the environment goes before the file', async () => {
  const { id, privateKey } = textOfIdentity(createIdentity())
  assert.ok(id !== undefined)
  const environment = { CLUSTER_ID: id, CLUSTER_PRIVATEKEY: privateKey }
  assert.equal((await load({ service: minimal(), environment })).settings.identity.id, id)
  await assert.rejects(
    load({ service: minimal(), environment: { CLUSTER_ID: id } }),
    /does not match the private_key/,
  )
})

test('a Kubo address in the environment of a peer with a node of its own is noted', async () => {
  const environment = { CLUSTER_IPFSHTTP_NODEMULTIADDRESS: '/dns4/kubo/tcp/5001' }
  const service = minimal({ ipfs_connector: { node: 'embedded', ipfshttp: {} } })
  const { settings } = await load({ service, environment })
  assert.match(settings.notes.join('\n'), /set ipfs_connector\.node or CLUSTER_IPFSCONNECTOR_NODE to kubo/)
})

async function withServer(answer: RequestListener, check: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  try {
    await check(`http://127.0.0.1:${address.port}/config.json`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('a source is fetched, with the environment over it', () =>
  withServer(
    (_, response) => void response.end(JSON.stringify(minimal({ cluster: { peername: 'remote' } }))),
    async source => {
      assert.equal((await load({ service: { source } })).settings.cluster.peername, 'remote')
      const environment = { CLUSTER_PEERNAME: 'env' }
      assert.equal((await load({ service: { source }, environment })).settings.cluster.peername, 'env')
    },
  ))

test('a source that refuses, points on, is no configuration or too large is named', async () => {
  const answers: [string, RequestListener, RegExp][] = [
    ['refuses', (_, response) => void response.writeHead(403).end('no'), /unsuccessful request \(403\): no/],
    [
      'points on',
      (_, response) => void response.end('{"source":"http://x"}'),
      /cannot point to another source/,
    ],
    ['is text', (_, response) => void response.end('hello'), /config\.json: is not JSON/],
    ['is large', (_, response) => void response.end('x'.repeat(5 * 1024 * 1024)), /larger than/],
    [
      'breaks off',
      (_, response) => void response.destroy(),
      /could not fetch configuration from source: http/,
    ],
  ]
  for (const [what, answer, expected] of answers) {
    await withServer(answer, source => assert.rejects(load({ service: { source } }), expected, what))
  }
  await assert.rejects(load({ service: { source: 'ftp://x' } }), /source must be an http or https URL/)
})

test('what init writes is loaded again, unchanged by a second writing', async () => {
  const secret = newSecret(systemRandom)
  const changes = [{ keys: ['cluster', 'secret'], value: secret }]
  const text = documentText(newDocument(changes, { CLUSTER_PEERNAME: 'env' }, 'the environment'))
  const { settings } = await load({ service: text })
  assert.deepEqual(settings.notes, [])
  assert.equal(settings.cluster.peername, 'env')
  assert.equal(Buffer.from(settings.network.secret ?? []).toString('hex'), secret)
  assert.equal(settings.consensus.trustedPeers, undefined)
  assert.equal(settings.ipfs.node, 'embedded')
  assert.notEqual(newSecret(systemRandom), secret)
})

test('init writes the keys that the reference writes, except those that have no counterpart', async () => {
  const reference: unknown = JSON.parse(await readFile(new URL('service.json', FIXTURES), 'utf8'))
  const own: unknown = JSON.parse(documentText(newDocument([], {}, 'x')))
  const keysOf = (value: unknown, at = ''): string[] =>
    isJsonObject(value) && Object.keys(value).length > 0
      ? Object.entries(value).flatMap(([key, below]) => keysOf(below, at === '' ? key : `${at}.${key}`))
      : [at]
  const missing = keysOf(reference).filter(key => !keysOf(own).includes(key) && !key.startsWith('datastore.'))
  const top = (key: string) => key.split('.').slice(0, 2).join('.')
  assert.deepEqual(
    missing.filter(key => !['api.ipfsproxy'].includes(top(key))),
    ['observations.tracing.jaeger_agent_endpoint'],
  )
})

test('wrong values and contradictions are told at once, and what follows from a wrong value is not told twice', async () => {
  const service = {
    cluster: {
      listen_multiaddress: '/ip4/127.0.0.1/tcp/0',
      replication_factor_min: 3,
      replication_factor_max: 2,
      state_sync_interval: '0s',
      monitor_ping_interval: 'soon',
      peernam: 'x',
    },
    informer: { disk: {} },
  }
  await assert.rejects(load({ service }), (thrown: Error) => {
    assert.match(thrown.message, /has 4 faults/)
    for (const part of ['peername', 'monitor_ping_interval', 'is larger than max', 'state_sync_interval']) {
      assert.ok(thrown.message.includes(part), `${part} in ${thrown.message}`)
    }
    return true
  })
})
