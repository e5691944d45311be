import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { compileFunction } from 'node:vm'
import { echoBulk } from '../../test/support/echo-bulk.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { openRestServer } from '../../test/support/rest-server.ts'
import { formatCid } from '../model/cid.ts'
import { NO_OPTIONS } from '../model/pin.ts'
import { connect } from './connect.ts'

const root = join(import.meta.dirname, '../..')
const cid = numberedCid(1)
const hash = formatCid(cid)

test('the package exports the client', async () => {
  // By the name of the package, as its users do.
  const [name, client] = ['pinfold', 'pinfold/client']
  const exported = await Promise.all([import(name), import(client)])
  for (const module of exported) assert.equal(module.connect, connect)
})

test('the examples of the guide do what they say', async () => {
  const guide = await readFile(join(root, 'docs/guide/client.md'), 'utf8')
  assert.ok(guide.split('\n').length <= 75)
  const asked: string[] = []
  const pin = {
    ...NO_OPTIONS,
    cid,
    type: 'pin',
    maxDepth: -1,
    allocations: [],
    reference: undefined,
    timestampMs: 0,
  } as const
  await using server = await openRestServer({
    version: '1',
    ...echoBulk(),
    async pin(_cid, options) {
      asked.push(`pin ${options.name} ${options.replicationMin} ${options.metadata['build']}`)
      return pin
    },
    async unpin() {
      asked.push('unpin')
      return pin
    },
    async *allocations(query) {
      asked.push(`list ${JSON.stringify(query)}`)
      yield pin
    },
    status: async () => ({
      cid,
      pin,
      createdMs: 0,
      peers: new Map([1, 2].map(number => [`p${number}`, pinned])),
    }),
    allocation: async () => pin,
    async *peers() {},
    async *events() {
      yield [{ kind: 'pin', cid, change: 'added', name: '', id: 'x-1', atMs: 0, teller: 'me' }]
    },
    async *add(entries) {
      for await (const { path } of entries) {
        asked.push(`add ${path}`)
        yield { name: path, cid, size: 1 }
      }
    },
  })
  const blocks = [...guide.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
  const code = blocks
    .join('\n')
    .replace(/^import .*$/m, '')
    .replace('http://127.0.0.1:9094', `http://127.0.0.1:${server.port}`)
    .replace(/auth: .*$/m, '')
  const run = compileFunction(`return (async () => {${code}})()`, [
    'connect',
    'ClusterError',
    'cid',
    'console',
  ])
  const printed: unknown[][] = []
  const { ClusterError } = await import('./connect.ts')
  await run(connect, ClusterError, hash, { log: (...values: unknown[]) => printed.push(values) })
  assert.deepEqual(asked.slice(0, 1), ['pin site 2 7'])
  assert.ok(
    asked.includes('unpin') && asked.includes('add site/index.html') && asked.includes('add site/logo.png'),
  )
  assert.deepEqual(printed[0], [hash, ''])
  assert.ok(printed.some(([change, of, id]) => change === 'added' && of === hash && id === 'x-1'))
  assert.deepEqual(printed.slice(1, 3), [
    [hash, 'pinned'],
    [hash, 'pinned'],
  ])
})

const pinned = {
  peername: '',
  ipfsPeerId: undefined,
  ipfsPeerAddresses: [],
  status: 'pinned',
  timestampMs: 0,
  error: '',
  attemptCount: 0,
  isPriority: false,
} as const
