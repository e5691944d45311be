import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { testContext } from '../../../test/support/command-context.ts'
import type { Environment } from '../../config/environment.ts'
import { lockFolder } from '../../config/lock.ts'
import { valueAt } from '../../config/setting.ts'
import { COMMANDS } from '../commands.ts'
import { runService } from '../program.ts'

const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const OTHER = '12D3KooWGHTKzeT4KaLGLrbKKyT8zKrBPXAUBRzCAN6ZMDMo4M6M'
const SECRET = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'
const QUESTION = 'The configuration file will be overwritten. Continue? [y/n]: '

/** A port on which nothing listens, so that no Kubo of this machine is found. */
const NO_KUBO = { CLUSTER_IPFSHTTP_NODEMULTIADDRESS: '/ip4/127.0.0.1/tcp/1' }

interface Folder {
  readonly path: string
  readonly init: (
    argv?: readonly string[],
    given?: { readonly stdin?: string; readonly environment?: Environment },
  ) => Promise<{
    readonly code: number
    readonly stdout: string
    readonly stderr: string
  }>
  readonly config: (...keys: string[]) => Promise<unknown>
  readonly read: (name: string) => Promise<string>
}

async function inFolder(check: (folder: Folder) => Promise<void>): Promise<void> {
  const base = await mkdtemp(join(tmpdir(), 'pinfold-init-'))
  const path = join(base, 'peer')
  const read = (name: string) => readFile(join(path, name), 'utf8')
  try {
    await check({
      path,
      async init(argv = [], { stdin = '', environment = {} } = {}) {
        const { context, stdout, stderr } = testContext(
          { environment: { ...NO_KUBO, ...environment } },
          stdin,
        )
        const code = await runService(['-c', path, 'init', ...argv], COMMANDS, context)
        return { code, stdout: stdout(), stderr: stderr() }
      },
      config: async (...keys) => valueAt(JSON.parse(await read('service.json')), keys),
      read,
    })
  } finally {
    await rm(base, { recursive: true })
  }
}

const modeOf = async (path: string) => (await stat(path)).mode & 0o777

test('init makes configuration, identity and an empty peerstore, private to their owner', () =>
  inFolder(async ({ path, init, config, read }) => {
    const { code, stdout, stderr } = await init()
    assert.equal(code, 0)
    assert.equal(stdout, '')
    assert.match(
      stderr,
      /configuration written to .*service\.json\.\nnew identity written to .*identity\.json\nnew empty peerstore written to .*peerstore\.\n$/,
    )
    assert.deepEqual((await readdir(path)).sort(), ['identity.json', 'peerstore', 'service.json'])
    assert.equal(await modeOf(path), 0o700)
    assert.equal(await modeOf(join(path, 'service.json')), 0o600)
    assert.equal(await modeOf(join(path, 'identity.json')), 0o600)
    assert.match(String(await config('cluster', 'secret')), /^[0-9a-f]{64}$/)
    assert.deepEqual(await config('consensus', 'crdt', 'trusted_peers'), ['*'])
    assert.ok((await read('service.json')).endsWith('\n}'))
    assert.equal(await read('peerstore'), '')
  }))

for (const [what, stdin, prompts] of [
  ['no', 'n\n', 1],
  ['an empty line', '\n', 1],
  ['the end of input', '', 1],
  ['three answers that are neither', 'maybe\nperhaps\nwell\n', 3],
] as const) {
  test(`an existing configuration stays as it is on ${what}`, () =>
    inFolder(async ({ init, read }) => {
      await init()
      const before = await read('service.json')
      const { code, stdout } = await init([], { stdin })
      assert.equal(code, 0)
      assert.equal(stdout.split(QUESTION).length - 1, prompts)
      assert.equal(stdout.includes("Please press either 'y' or 'n'"), prompts > 1)
      assert.equal(await read('service.json'), before)
    }))
}

for (const [what, argv, stdin] of [
  ['yes', [], 'y\n'],
  ['a second answer', [], 'what\nY\n'],
  ['--force', ['--force'], ''],
] as const) {
  test(`an existing configuration is replaced on ${what}; the identity is kept`, () =>
    inFolder(async ({ init, read }) => {
      await init()
      const before = { service: await read('service.json'), identity: await read('identity.json') }
      const { code, stderr } = await init(argv, { stdin })
      assert.equal(code, 0)
      assert.notEqual(await read('service.json'), before.service)
      assert.equal(await read('identity.json'), before.identity)
      assert.ok(!stderr.includes('identity'))
    }))
}

test('init does not touch the folder of a running peer', () =>
  inFolder(async ({ path, init, read }) => {
    await init()
    const before = await read('service.json')
    using _ = lockFolder(join(path, 'cluster.lock'))
    const { code, stderr } = await init(['-f'])
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^error obtaining execution lock: lock .*cluster\.lock: someone else has the lock\. /,
    )
    assert.equal(await read('service.json'), before)
  }))

test('--peers are known and trusted', () =>
  inFolder(async ({ init, config, read }) => {
    await init()
    const peers = `/ip4/1.2.3.4/tcp/9096/p2p/${PEER},/dns4/peer.example/tcp/9096/ipfs/${OTHER}`
    const { stderr } = await init(['--force', '--peers', peers])
    assert.match(stderr, /peerstore written to .*peerstore with 2 entries\./)
    assert.equal(
      await read('peerstore'),
      `/ip4/1.2.3.4/tcp/9096/p2p/${PEER}\n/dns4/peer.example/tcp/9096/p2p/${OTHER}`,
    )
    assert.deepEqual(await config('consensus', 'crdt', 'trusted_peers'), [PEER, OTHER])
    await init(['-f'])
    assert.equal(await read('peerstore'), '')
  }))

for (const [what, argv, environment, expected] of [
  [
    'peers that are no address',
    ['--peers', 'foo'],
    {},
    /^error parsing peer multiaddress: .*"foo": must begin with \//,
  ],
  ['peers without an id', ['--peers', '/ip4/1.2.3.4/tcp/9096'], {}, /invalid p2p multiaddr/],
  ['raft', ['--consensus', 'raft'], {}, /^error choosing consensus: raft is not offered: .*needs no leader/],
  [
    'another consensus',
    ['--consensus', 'foo'],
    {},
    /^error choosing consensus: flag value must be set to 'crdt'/,
  ],
  [
    'a datastore of the reference',
    ['--datastore', 'pebble'],
    {},
    /^error choosing datastore: pebble is not offered/,
  ],
  [
    'another datastore',
    ['--datastore', 'foo'],
    {},
    /^error choosing datastore: flag value must be set to 'level'/,
  ],
  ['a source that is no URL', ['service.json'], {}, /^error reading the source: .*not an http or https URL/],
  [
    'a bad secret',
    [],
    { CLUSTER_SECRET: 'abcd' },
    /^error applying environment variables to configuration: .*CLUSTER_SECRET must be .*32 bytes/,
  ],
  [
    'an id without its key',
    [],
    { CLUSTER_ID: PEER },
    /^error applying environment variables to the identity: .*does not match/m,
  ],
  [
    'a bad address of Kubo',
    [],
    { CLUSTER_IPFSHTTP_NODEMULTIADDRESS: 'kubo:5001' },
    /node_multiaddress: .*"kubo:5001" is not an address/,
  ],
] as const) {
  test(`init refuses ${what}, and writes nothing`, () =>
    inFolder(async ({ path, init }) => {
      const { code, stderr } = await init(argv, { environment })
      assert.equal(code, 1)
      assert.match(stderr, expected)
      assert.equal(existsSync(join(path, 'service.json')), false)
      assert.equal(existsSync(join(path, 'identity.json')), false)
    }))
}

test('the environment is written into the file', () =>
  inFolder(async ({ init, config }) => {
    const environment = {
      CLUSTER_PEERNAME: 'envname',
      CLUSTER_SECRET: SECRET,
      CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/24111,/ip4/127.0.0.1/tcp/24112',
      CLUSTER_CRDT_TRUSTEDPEERS: PEER,
      CLUSTER_TAGS_TAGS: 'group:a,region:eu',
      CLUSTER_FOLLOWERMODE: 'true',
    }
    assert.equal((await init([], { environment })).code, 0)
    assert.equal(await config('cluster', 'peername'), 'envname')
    assert.equal(await config('cluster', 'secret'), SECRET)
    assert.equal(await config('cluster', 'follower_mode'), true)
    assert.deepEqual(await config('api', 'restapi', 'http_listen_multiaddress'), [
      '/ip4/127.0.0.1/tcp/24111',
      '/ip4/127.0.0.1/tcp/24112',
    ])
    assert.deepEqual(await config('consensus', 'crdt', 'trusted_peers'), [PEER])
    assert.deepEqual(await config('informer', 'tags', 'tags'), { group: 'a', region: 'eu' })
  }))

test('a secret is asked for, and goes before the environment', () =>
  inFolder(async ({ init, config }) => {
    const stdin = `${SECRET.toUpperCase()}\n`
    const environment = { CLUSTER_SECRET: SECRET.replace('0', 'f') }
    assert.equal((await init(['-s'], { stdin, environment })).code, 0)
    assert.equal(await config('cluster', 'secret'), SECRET)
    const { code, stderr } = await init(['-s', '-f'], { stdin: 'abcd\n' })
    assert.equal(code, 1)
    assert.match(stderr, /error reading the secret: it must have 64 hexadecimal digits/)
  }))

test('--randomports moves every listener to a port of its own', () =>
  inFolder(async ({ init, config }) => {
    await init(['--randomports'])
    const addresses = [
      await config('cluster', 'listen_multiaddress'),
      await config('api', 'restapi', 'http_listen_multiaddress'),
      await config('ipfs_connector', 'embedded', 'listen_multiaddress'),
    ].flat()
    const ports = addresses.map(address => /\/tcp\/(\d+)$/.exec(String(address))?.[1])
    assert.equal(new Set(ports).size, 3)
    for (const usual of ['9096', '9094', '4001', '0']) assert.ok(!ports.includes(usual))
  }))

test('a source is all that the file holds', () =>
  inFolder(async ({ init, read }) => {
    assert.equal((await init(['http://127.0.0.1:1/config.json'])).code, 0)
    assert.equal(await read('service.json'), '{\n  "source": "http://127.0.0.1:1/config.json"\n}')
  }))

test('a Kubo that answers is used, anything else that answers is not, and the environment has the last word', () =>
  inFolder(async ({ init, config }) => {
    let reply = '{"Version":"0.44.0","Commit":""}'
    const server = createServer((_, response) => void response.end(reply)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const environment = { CLUSTER_IPFSHTTP_NODEMULTIADDRESS: `/ip4/127.0.0.1/tcp/${address.port}` }
    try {
      assert.match((await init([], { environment })).stderr, /will use the Kubo that answers/)
      assert.equal(await config('ipfs_connector', 'node'), 'kubo')
      reply = 'hello'
      await init(['-f'], { environment })
      assert.equal(await config('ipfs_connector', 'node'), 'embedded')
    } finally {
      server.closeAllConnections()
      server.close()
    }
    assert.match((await init(['-f'], { environment })).stderr, /no Kubo answers at .*IPFS node of its own/)
    await init(['-f'], { environment: { ...environment, CLUSTER_IPFSCONNECTOR_NODE: 'kubo' } })
    assert.equal(await config('ipfs_connector', 'node'), 'kubo')
  }))

test('id prints the id that init made', () =>
  inFolder(async ({ path, init, read }) => {
    const id = async (environment: Environment = {}) => {
      const { context, stdout, stderr } = testContext({ environment })
      return {
        code: await runService(['id', '-c', path], COMMANDS, context),
        stdout: stdout(),
        stderr: stderr(),
      }
    }
    assert.match((await id()).stderr, /error reading the identity: .*does not exist.*init/)
    await init()
    assert.deepEqual(await id(), {
      code: 0,
      stdout: `${JSON.parse(await read('identity.json')).id}\n`,
      stderr: '',
    })
  }))

test('a folder that cannot be made is named, with what to do', async () => {
  await inFolder(async ({ path, init }) => {
    await writeFile(path, 'a file')
    const { code, stderr } = await init()
    assert.equal(code, 1)
    assert.ok(
      stderr.includes(`error saving configuration: cannot write ${join(path, 'service.json')} (`),
      stderr,
    )
    assert.match(stderr, /see that its folder is one/)
  })
})
