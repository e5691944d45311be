import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFake } from '../../test/support/fake-client.ts'
import type { ClientConfig } from '../api/client.ts'
import { ClusterError } from '../errors.ts'
import { commands } from './command-table.ts'
import { READER_GONE } from './output.ts'

const CID = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'
const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'
const state = {
  cid: CID,
  name: 'n',
  peer_map: { [PEER]: { peername: '', status: 'pinned', timestamp: 't' } },
}
const pin = {
  cid: CID,
  name: 'n',
  type: 'pin',
  mode: 'direct',
  max_depth: 0,
  replication_factor_min: 1,
  replication_factor_max: 2,
  allocations: ['b', 'a'],
  metadata: { k: 'v' },
  expire_at: '2030-01-02T03:04:05Z',
}
const peer = {
  id: 'x',
  peername: 'p',
  cluster_peers: ['x', 'y'],
  addresses: ['/b', '/a'],
  ipfs: { id: 'i', addresses: [] },
}
const trust = { configured: ['*'], changes: [{ peer: 'y', trusted: false }], trusted_by_cluster: true }
const trustText = 'Configured: * (every peer that has the secret)\ny | not trusted\n'
const pinset = { peer: 'x', peername: 'p', pins: 7, digest: 'ab', trusted_by_cluster: true }
const metric = { name: 'freespace', peer: 'x', weight: 83_000_000n, expire: 1893456060000000000n }

/** For each command: a line that uses it, what the daemon answers, the call that it leads to, and what it prints. */
const USES: Readonly<Record<string, readonly [line: string, call: string, answer: unknown, text: string]>> = {
  id: ['id', 'id', peer, 'x | p | Sees 1 other peers\n  > Addresses:\n    - /a\n    - /b\n  > IPFS: i\n'],
  'peers ls': ['peers ls', 'peers', [{ id: 'x', error: 'gone' }], 'x | ERROR: gone\n'],
  'peers rm': [`peers rm ${PEER}`, 'removePeer', undefined, ''],
  'pin add': [`pin add --ns ${CID}`, 'pinPath', pin, ''],
  'pin rm': [`pin rm --ns ${CID}/a`, 'unpinPath', pin, ''],
  'pin update': [`pin update --ns ${CID} ${CID}`, 'pinPath', pin, ''],
  'pin ls': [
    'pin ls',
    'allocations',
    [pin],
    `${CID} | n | PIN-DIRECT | Repl. Factor: 1--2 | Allocations: [a b] | Direct | Metadata: yes | Exp: 2030-01-02 03:04:05 | Added: unknown\n`,
  ],
  status: [
    `status ${CID}`,
    'status',
    state,
    `${CID} | n:\n    > ${PEER} : PINNED | t | Attempts: 0 | Priority: false\n`,
  ],
  recover: ['recover --local', 'recoverAll', [], ''],
  version: ['version', 'version', { version: '1.2.3' }, '1.2.3\n'],
  'health graph': ['health graph', 'graph', { cluster_id: 'x' }, ''],
  'health metrics': [
    'health metrics freespace',
    'metrics',
    [metric],
    'x | freespace: 83 MB | Expires in: 1 minute from now\n',
  ],
  'health alerts': [
    'health alerts',
    'alerts',
    [{ ...metric, triggered_at: '2029-12-31T23:59:00Z' }],
    'x: freespace. Expired at: 1 minute from now. Triggered at: 1 minute ago\n',
  ],
  'health bandwidth': [
    'health bandwidth',
    'bandwidth',
    { '/p': { total_in: 1000, total_out: 7, rate_in: 1.5, rate_out: 0 } },
    `${' '.repeat(23)}/p: In:  1.0 kB. Out:     7 B. RateIn: 1.50B/s. RateOut: 0.00B/s\n`,
  ],
  'ipfs gc': [
    'ipfs gc --local',
    'gc',
    { peer_map: { x: { peername: 'p', keys: [{ key: 'c' }, { key: null, error: 'e' }], error: 'bad' } } },
    'p               | ERROR: bad\n  > CIDs:\n    - c\n    - ERROR: e\n',
  ],
  'state status': [
    'state status',
    'pinsets',
    [pinset, { peer: 'y', error: 'gone' }],
    'x | p | Pins: 7 | Digest: ab\ny | ERROR: gone\n',
  ],
  'trust ls': ['trust ls', 'trust', trust, trustText],
  'trust add': [`trust add ${PEER}`, 'trustPeer', trust, trustText],
  'trust rm': [`trust rm ${PEER}`, 'distrustPeer', trust, trustText],
}

for (const [name, [line, call, answer, text]] of Object.entries(USES)) {
  test(`"${name}" asks once and prints what the daemon answers`, async () => {
    const run = await runFake(line.split(' '), { [call]: [answer] })
    assert.equal(run.exitCode, 0, run.stderr)
    assert.deepEqual(
      run.calls.map(({ name }) => name),
      [call],
    )
    if (text !== '') assert.equal(run.stdout, text)
    assert.equal(run.stderr, '')
  })
}

test('arguments that a command does not take are named when it is done', async () => {
  const of = async (line: string, answers: Parameters<typeof runFake>[1]) =>
    (await runFake(line.split(' '), answers)).stderr
  const others = 'QmaNxbQNrJdLzzd8CKRutBjMZ6GXRjvuPepLuNSsfdeJRJ QmNonsense'
  assert.equal(
    await of(`pin ls ${CID} ${others}`, { allocation: [pin] }),
    `passed over: ${others} (usage: pin ls [CID])\n`,
  )
  assert.equal(
    await of('version now', { version: [{ version: '1' }] }),
    'passed over: now (usage: version)\n',
  )
  assert.equal(await of(`status ${CID} ${CID}`, { statuses: [[state]] }), '')
})

test('every command that asks the daemon is tried above, or has a test of its own', () => {
  const names = commands
    .map(({ path }) => path.join(' '))
    .filter(
      name =>
        name !== 'commands' &&
        name !== 'add' &&
        !/^(peers (cordon|uncordon|drain|maintenance)|health (peers|replication)|rebalance)$/.test(name) &&
        !/^(state |token |(allocate|summary|why|watch|completion)$)/.test(name),
    )
  assert.deepEqual(
    names.filter(name => !Object.hasOwn(USES, name)),
    [],
  )
})

test('an error of the daemon is 2, no daemon 1, a fault of ours 1 on standard error', async () => {
  const run = (error: Error) => runFake(['version'], { version: [error] })
  const refused = await run(new ClusterError('NOT_FOUND', 'no', { details: { status: 404 } }))
  assert.deepEqual(
    [refused.exitCode, refused.stdout],
    [2, 'An error occurred:\n  Code: 404\n  Message: no\n'],
  )
  const unreached = await run(new ClusterError('NOT_READY', 'nobody there'))
  assert.deepEqual(
    [unreached.exitCode, unreached.stdout],
    [1, 'An error occurred:\n  Code: 0\n  Message: nobody there\n'],
  )
  const fault = await run(new SyntaxError('bad'))
  assert.deepEqual([fault.exitCode, fault.stdout, fault.stderr], [1, '', 'error : bad\n'])
})

test('"pin ls" asks for the part of the pinset that its options name', async () => {
  const line = `pin ls --filter pin --name-prefix a/ --metadata k=v --metadata l= --allocation ${PEER} --limit 5 --older-than 1h --newer-than 2026-01-31T00:00:00Z --after ${CID}`
  const run = await runFake(line.split(' '), { allocations: [[]] })
  assert.deepEqual(run.calls[0]?.input.query, {
    filter: 'pin',
    'name-prefix': 'a/',
    'meta-k': 'v',
    'meta-l': '',
    allocation: PEER,
    limit: '5',
    'older-than': '1h',
    'newer-than': '2026-01-31T00:00:00Z',
    after: CID,
  })
  const states = await runFake(['status', '--older-than', '24h'], { statuses: [[]] })
  assert.deepEqual(states.calls[0]?.input.query, {
    local: 'false',
    filter: '',
    cids: '',
    'older-than': '24h',
  })
  assert.deepEqual((await runFake(['pin', 'ls'], { allocations: [[]] })).calls[0]?.input.query, {
    filter: 'all',
  })
  for (const wrong of [
    '--after x',
    '--allocation x',
    '--metadata x',
    '--older-than x',
    '--newer-than 2026-13',
  ])
    assert.equal(
      (await runFake(['pin', 'ls', ...wrong.split(' ')], { allocations: [[]] })).exitCode,
      1,
      wrong,
    )
})

test('an interrupted command ends with 125, a closed pipe with 0', async () => {
  const stopped = async (reason: Error) => {
    const stop = new AbortController()
    stop.abort(reason)
    return (await runFake(['version'], {}, { signal: stop.signal })).exitCode
  }
  assert.equal(await stopped(new Error('interrupted')), 125)
  assert.equal(await stopped(READER_GONE), 0)
})

test('options before the command decide whom to ask and how', async () => {
  const configOf = async (line: string, env: Readonly<Record<string, string>> = {}) => {
    let config: ClientConfig | undefined
    const openClient = (given: ClientConfig) => {
      config = given
      throw new ClusterError('INVALID_ARGUMENT', 'seen')
    }
    const run = await runFake([...line.split(' '), 'version'], {}, { env, openClient })
    assert.match(run.stderr, /^error parsing host multiaddress: seen/, run.stdout)
    return config
  }
  const plain = { isCertificateChecked: true, timeoutMs: 0 }
  assert.deepEqual(await configOf('--enc json'), { ...plain, hosts: ['/ip4/127.0.0.1/tcp/9094'] })
  assert.deepEqual(await configOf('-l /unix/a,http://b:1 -t 5 -no-check-certificate'), {
    hosts: ['/unix/a', 'http://b:1'],
    isCertificateChecked: false,
    timeoutMs: 5000,
  })
  assert.deepEqual((await configOf('-l /unix/a,, -l http://b:1 -l /dnsaddr/c -s'))?.hosts, [
    '/unix/a',
    'http://b:1',
    '/dnsaddr/c',
  ])
  assert.deepEqual(await configOf('--host /dns4/h/tcp/1,http://b:1 --basic-auth u:p'), {
    ...plain,
    hosts: ['/dns4/h/tcp/1/https', 'http://b:1'],
    basicAuth: 'u:p',
  })
  assert.deepEqual((await configOf('-f --host /dns4/h/tcp/1', { CLUSTER_CREDENTIALS: 'u' }))?.hosts, [
    '/dns4/h/tcp/1',
  ])
  assert.deepEqual((await configOf('-s --host /dns4/h/tcp/1/http'))?.hosts, ['/dns4/h/tcp/1/https'])
  const token = await configOf('--host /dns4/h/tcp/1,/ip4/127.0.0.1/tcp/2,http://b:1', {
    CLUSTER_TOKEN: 'pf_x',
  })
  assert.equal(token?.token, 'pf_x')
  assert.deepEqual(token?.hosts, ['/dns4/h/tcp/1/https', '/ip4/127.0.0.1/tcp/2', 'http://b:1'])
  assert.deepEqual((await configOf('-f --token pf_x --host /dns4/h/tcp/1'))?.hosts, ['/dns4/h/tcp/1'])
})

test('wrong values of options before the command are refused', async () => {
  const stderr = async (line: string) =>
    (await runFake(line.split(' '), { version: [{ version: '1' }] })).stderr
  assert.match(await stderr('--enc xml version'), /^error : unsupported encoding: "xml"/)
  assert.match(await stderr('--secret 00 version'), /^error parsing secret: .*64 hexadecimal digits/)
  assert.match(await stderr('--timeout -1 version'), /must not be negative/)
})
