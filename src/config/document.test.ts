import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { ClusterError } from '../errors.ts'
import { durationSetting, oneOrManySetting } from '../lib/schema.ts'
import { webhooksSchema } from '../webhooks/config.ts'
import { readDocument } from './document.ts'
import { fromText, variablesOf } from './environment.ts'
import { defaults, type Section } from './section.ts'

const text = (byDefault: string) => Type.String({ default: byDefault, description: 'a text' })
const lists = Type.Record(Type.String(), Type.Array(Type.String()), { default: {}, description: 'headers' })

const cluster: Section = {
  keys: ['cluster'],
  prefix: 'CLUSTER',
  whenAbsent: 'fault',
  schema: Type.Object({
    peername: text('someone'),
    secret: text(''),
    monitor_ping_interval: durationSetting('15s', 'how often'),
    replication_factor_min: Type.Integer({ default: -1, minimum: -1, description: 'fewest' }),
    connection_manager: Type.Object({
      high_water: Type.Integer({ default: 400, minimum: 1, description: 'most connections' }),
    }),
  }),
}
const restapi: Section = {
  keys: ['api', 'restapi'],
  prefix: 'CLUSTER_RESTAPI',
  whenAbsent: 'off',
  schema: Type.Object({
    http_listen_multiaddress: oneOrManySetting(['/ip4/127.0.0.1/tcp/9094'], 'where'),
    headers: lists,
    basic_auth_credentials: Type.Union([Type.Null(), Type.Record(Type.String(), Type.String())], {
      default: null,
      description: 'who',
    }),
    cors_allow_credentials: Type.Boolean({ default: true, description: 'whether' }),
  }),
}
const crdt: Section = {
  keys: ['consensus', 'crdt'],
  prefix: 'CLUSTER_CRDT',
  whenAbsent: 'defaults',
  schema: Type.Object({
    trusted_peers: Type.Array(Type.String(), { default: ['*'], description: 'who' }),
  }),
}
const ipfs: Section = {
  keys: ['ipfs_connector'],
  prefix: 'CLUSTER_IPFSCONNECTOR',
  groupPrefixes: { ipfshttp: 'CLUSTER_IPFSHTTP' },
  whenAbsent: 'defaults',
  schema: Type.Object({
    node: Type.Union([Type.Literal('embedded'), Type.Literal('kubo')], {
      default: 'embedded',
      description: 'x',
    }),
    ipfshttp: Type.Object({ node_multiaddress: text('/ip4/127.0.0.1/tcp/5001') }),
  }),
}
const level: Section = {
  keys: ['datastore', 'level'],
  prefix: 'CLUSTER_LEVEL',
  whenAbsent: 'defaults',
  schema: Type.Object({}),
}
const disk: Section = {
  keys: ['informer', 'disk'],
  prefix: 'CLUSTER_DISK',
  whenAbsent: 'off',
  schema: Type.Object({}),
}
const webhooks: Section = {
  keys: ['api', 'webhooks'],
  prefix: 'CLUSTER_WEBHOOKS',
  whenAbsent: 'off',
  schema: webhooksSchema,
}
const SECTIONS = [cluster, restapi, crdt, ipfs, level, disk]
const SECRET = '6b487f1ec7d34afcffb0e7981b034bc8d127b747449d2efca3bb71148b96a127'

const read = (file: unknown, environment = {}, sections: readonly Section[] = SECTIONS) =>
  readDocument(sections, file, environment, 'service.json')
function faultsOf(file: unknown, environment = {}, sections: readonly Section[] = SECTIONS): string {
  let thrown: unknown
  try {
    read(file, environment, sections)
  } catch (error) {
    thrown = error
  }
  assert.ok(thrown instanceof ClusterError && thrown.code === 'CONFIG_INVALID', String(thrown))
  return thrown.message
}

test('what a file leaves out has its default; an absent api does not run', () => {
  const document = read({ cluster: { peername: 'a' } })
  assert.deepEqual(document.valuesOf(cluster), { ...defaults(cluster), peername: 'a' })
  assert.equal(document.valuesOf(restapi), undefined)
  assert.deepEqual(document.valuesOf(ipfs), defaults(ipfs))
})

test('all faults are told at once, each with its place and what to do', () => {
  const message = faultsOf({
    cluster: {
      pername: 'a',
      replication_factor_min: -2,
      connection_manager: { high_watter: 3, high_water: 'x' },
    },
    consensus: { raft: {} },
    api: { restapi: { cors_allow_credentials: 'yes', secret: 'b' }, restpai: {} },
    informers: {},
  })
  const lines = message.split('\n  ')
  assert.match(lines[0] ?? '', /^service\.json has 9 faults:$/)
  for (const expected of [
    /^cluster\.pername is not a setting: did you mean cluster\.peername\?$/,
    /^cluster\.connection_manager\.high_watter is not a setting: did you mean cluster\.connection_manager\.high_water\?$/,
    /^cluster\.connection_manager\.high_water must be a whole number from 1, is "x"$/,
    /^cluster\.replication_factor_min must be a whole number from -1, is -2$/,
    /^consensus\.raft is not offered: .*pin ls.*pin add/,
    /^api\.restapi\.cors_allow_credentials must be true or false, is "yes"$/,
    /^api\.restapi\.secret is not a setting: did you mean cluster\.secret\?$/,
    /^api\.restpai is not a setting: did you mean api\.restapi\?$/,
    /^informers is not a setting: did you mean informer\?$/,
  ]) {
    assert.ok(
      lines.some(line => expected.test(line)),
      `${expected} is not in:\n${message}`,
    )
  }
})

test('a whole section, a group or a file of the wrong kind is a fault, not a crash', () => {
  assert.match(faultsOf([]), /must hold an object/)
  assert.match(faultsOf({ cluster: 3 }), /cluster must be an object, is 3/)
  assert.match(faultsOf({ cluster: {}, api: [] }), /api must be an object/)
  assert.match(
    faultsOf({ cluster: { connection_manager: 4 } }),
    /cluster\.connection_manager must be an object, is 4/,
  )
  assert.match(faultsOf({}), /cluster is missing/)
})

test('the value of a secret is never shown', () => {
  const message = faultsOf({
    cluster: { secret: [SECRET] },
    api: { restapi: { basic_auth_credentials: { [SECRET]: 3 } } },
  })
  assert.ok(!message.includes(SECRET), message)
  assert.match(message, /cluster\.secret must be a text, is something else/)
})

test('empty stands for the default where the reference has it so, and for itself where it means something', () => {
  const document = read({
    cluster: { peername: '', secret: '', monitor_ping_interval: '', connection_manager: { high_water: 0 } },
    consensus: { crdt: { trusted_peers: [] } },
    api: { restapi: { http_listen_multiaddress: [], basic_auth_credentials: null } },
  })
  assert.deepEqual(document.valuesOf(cluster), defaults(cluster))
  assert.deepEqual(document.valuesOf(crdt), { trusted_peers: [] })
  assert.deepEqual(document.valuesOf(restapi), defaults(restapi))
})

test('a file that does not name trusted peers trusts nobody, one that describes a Kubo uses it', () => {
  const document = read({ cluster: {}, consensus: { crdt: {} }, ipfs_connector: { ipfshttp: {} } })
  assert.deepEqual(document.valuesOf(crdt), { trusted_peers: [] })
  assert.equal(document.valuesOf(ipfs)?.['node'], 'kubo')
})

test('what only the reference has is noted, and the peer starts', () => {
  const document = read({
    cluster: { id: 'x' },
    state: {},
    datastore: { pebble: {} },
  })
  assert.deepEqual(
    document.notes.map(note => note.split(' ')[0]),
    ['datastore.pebble'],
  )
})

test('the name of a variable is its prefix and its keys without underscores', () => {
  assert.deepEqual(
    variablesOf(SECTIONS).map(({ name }) => name),
    [
      'CLUSTER_PEERNAME',
      'CLUSTER_SECRET',
      'CLUSTER_MONITORPINGINTERVAL',
      'CLUSTER_REPLICATIONFACTORMIN',
      'CLUSTER_CONNECTIONMANAGER_HIGHWATER',
      'CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS',
      'CLUSTER_RESTAPI_HEADERS',
      'CLUSTER_RESTAPI_BASICAUTHCREDENTIALS',
      'CLUSTER_RESTAPI_CORSALLOWCREDENTIALS',
      'CLUSTER_CRDT_TRUSTEDPEERS',
      'CLUSTER_IPFSCONNECTOR_NODE',
      'CLUSTER_IPFSHTTP_NODEMULTIADDRESS',
    ],
  )
})

test('the environment goes before the file', () => {
  const environment = {
    CLUSTER_PEERNAME: 'env',
    CLUSTER_CONNECTIONMANAGER_HIGHWATER: '777',
    CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/1,/ip4/127.0.0.1/tcp/2',
    CLUSTER_RESTAPI_HEADERS: 'X-A:b,X-A:c',
    CLUSTER_RESTAPI_BASICAUTHCREDENTIALS: 'u:p:q,u2:p2',
    CLUSTER_RESTAPI_CORSALLOWCREDENTIALS: 'FALSE',
    CLUSTER_CRDT_TRUSTEDPEERS: 'a, b',
    CLUSTER_IPFSHTTP_NODEMULTIADDRESS: '/dns4/kubo/tcp/5001',
    CLUSTER_SECRET: '',
  }
  const document = read({ cluster: { peername: 'file', secret: SECRET }, api: { restapi: {} } }, environment)
  assert.equal(document.valuesOf(cluster)?.['peername'], 'env')
  assert.equal(document.valuesOf(cluster)?.['secret'], SECRET)
  assert.deepEqual(document.valuesOf(cluster)?.['connection_manager'], { high_water: 777 })
  assert.deepEqual(document.valuesOf(restapi), {
    http_listen_multiaddress: ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'],
    headers: { 'X-A': ['b', 'c'] },
    basic_auth_credentials: { u: 'p:q', u2: 'p2' },
    cors_allow_credentials: false,
  })
  assert.deepEqual(document.valuesOf(crdt), { trusted_peers: ['a', 'b'] })
  assert.deepEqual(document.notes, [])
})

test('one listen address from the environment stays a text', () => {
  assert.equal(fromText(oneOrManySetting([], ''), '/ip4/127.0.0.1/tcp/1'), '/ip4/127.0.0.1/tcp/1')
})

test('a bad variable is a fault that names it, and never shows a secret', () => {
  const message = faultsOf(
    { cluster: {}, api: { restapi: {} } },
    {
      CLUSTER_CONNECTIONMANAGER_HIGHWATER: 'many',
      CLUSTER_MONITORPINGINTERVAL: '15',
      CLUSTER_RESTAPI_BASICAUTHCREDENTIALS: 'hunter2',
    },
  )
  assert.match(message, /3 faults/)
  assert.match(message, /CLUSTER_CONNECTIONMANAGER_HIGHWATER must be a whole number from 1, is "many"/)
  assert.match(message, /CLUSTER_MONITORPINGINTERVAL must be a time span.*is "15"/)
  assert.match(message, /CLUSTER_RESTAPI_BASICAUTHCREDENTIALS must be/)
  assert.ok(!message.includes('hunter2'))
})

test('a name with stray underscores counts, with a note, unless the right one is there; a slip is noted', () => {
  const alias = read({ cluster: {} }, { CLUSTER_MONITOR_PING_INTERVAL: '9s' })
  assert.equal(alias.valuesOf(cluster)?.['monitor_ping_interval'], '9s')
  assert.match(alias.notes[0] ?? '', /is taken: its name is CLUSTER_MONITORPINGINTERVAL/)
  const both = read(
    { cluster: {} },
    { CLUSTER_MONITOR_PING_INTERVAL: '9s', CLUSTER_MONITORPINGINTERVAL: '2s' },
  )
  assert.equal(both.valuesOf(cluster)?.['monitor_ping_interval'], '2s')
  assert.match(both.notes[0] ?? '', /is ignored/)
  const slip = read({ cluster: {} }, { CLUSTER_SECERT: 'x', CLUSTER_SERVICE_PORT: '1', CLUSTER_PATH: '/a' })
  assert.deepEqual(slip.notes, [
    'the environment variable CLUSTER_SECERT is ignored: did you mean CLUSTER_SECRET?',
  ])
})

test('a fault within a list of objects says where it is and what is asked, and shows no value', () => {
  const secret = '0123456789abcdef'
  const faults = (hook: unknown, environment = {}) =>
    faultsOf({ cluster: {}, api: { webhooks: { hooks: [hook] } } }, environment, [...SECTIONS, webhooks])
  assert.match(faults({ url: 'ftp://a', secret }), /api\.webhooks\.hooks\[0\]\.url must match/)
  assert.match(faults({ url: 'http://a' }), /api\.webhooks\.hooks\[0\] must have.* secret/)
  assert.match(
    faults({ url: 'http://a', secret, kinds: ['x'] }),
    /api\.webhooks\.hooks\[0\]\.kinds\[0\] must/,
  )
  assert.match(
    faults({ url: 'http://a', secret, kind: 'pin' }),
    /api\.webhooks\.hooks\[0\]\.kind is no key here/,
  )
  const short = faults({ url: 'http://a', secret: 'hunter2' })
  assert.match(short, /api\.webhooks\.hooks\[0\]\.secret must.*16/)
  assert.ok(!short.includes('hunter2'))
  const variable = { CLUSTER_WEBHOOKS_HOOKS: '[{"url":"http://a","secret":"hunter2"}]' }
  const set = faults({ url: 'http://a', secret }, variable)
  assert.match(set, /hooks\[0\]\.secret must.*16.*CLUSTER_WEBHOOKS_HOOKS/)
  assert.ok(!set.includes('hunter2'))
})

test('a map may be JSON in the environment, and is not taken for a map of another form', () => {
  const schema = Type.Record(Type.String(), Type.String())
  assert.deepEqual(fromText(schema, '{"group": "a", "zone": "x:1"}'), { group: 'a', zone: 'x:1' })
  assert.deepEqual(fromText(schema, 'group:a,zone:x:1'), { group: 'a', zone: 'x:1' })
  assert.throws(() => fromText(schema, '{"a":1}'), { code: 'INVALID_ARGUMENT' })
  assert.throws(() => fromText(schema, '{group:a'), { code: 'INVALID_ARGUMENT' })
})

test('a variable of a part that is not in the file is ignored, with a note', () => {
  const document = read({ cluster: {} }, { CLUSTER_RESTAPI_CORSALLOWCREDENTIALS: 'false' })
  assert.equal(document.valuesOf(restapi), undefined)
  assert.deepEqual(document.notes, [
    'the environment variable CLUSTER_RESTAPI_CORSALLOWCREDENTIALS is ignored: api.restapi is not in the file',
  ])
})
