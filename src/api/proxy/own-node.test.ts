import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFakeIpfs } from '../../../test/support/fake-ipfs.ts'
import { serveProxy } from '../../../test/support/proxy-server.ts'
import { systemClock } from '../../lib/clock.ts'
import { type Cid, formatCid } from '../../model/cid.ts'
import { toPin } from '../../model/pin.ts'

function multipart(...parts: readonly string[]) {
  const body = parts.map(
    part => `--b\r\nContent-Disposition: form-data; name="data"; filename="x"\r\n\r\n${part}\r\n`,
  )
  return {
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: `${body.join('')}--b--\r\n`,
  }
}

async function serve() {
  const ipfs = openFakeIpfs({ clock: systemClock })
  const pinned: string[] = []
  const pin = async (cid: Cid) => {
    pinned.push(formatCid(cid))
    return toPin(cid)
  }
  return { ipfs, pinned, proxy: await serveProxy({ ipfs, cluster: { pin } }) }
}

test('blocks are stored under the name that was asked for, pinned when asked for, and read back', async () => {
  const { proxy, pinned } = await serve()
  await using _proxy = proxy
  const put = await proxy.ask('/api/v0/block/put?cid-codec=raw', multipart('raw block', 'raw block two'))
  assert.equal(
    put.body,
    '{"Key":"bafkreiapc25bzpn4lnz2cmquulal4cssx4xqlfe4iajfz4pqrpjnnin2rq","Size":9}\n' +
      '{"Key":"bafkreia7y2wc56j6km7wun3m3koosa3oy2sombnzfx7fzgnoey3tverhtu","Size":13}\n',
  )
  assert.deepEqual(pinned, [])
  const again = await proxy.ask('/api/v0/block/put?pin=true&mhtype=sha2-512', multipart('raw block'))
  const { Key } = JSON.parse(again.body)
  assert.deepEqual(pinned, [Key])
  const got = await proxy.ask(
    '/api/v0/block/get?arg=bafkreiapc25bzpn4lnz2cmquulal4cssx4xqlfe4iajfz4pqrpjnnin2rq',
  )
  assert.equal(got.body, 'raw block')
  const part = await proxy.ask(`/api/v0/cat?arg=/ipfs/${Key}&offset=4&length=3`)
  assert.equal(part.body, 'blo')
  const stat = await proxy.ask(`/api/v0/block/stat?arg=${Key}`)
  assert.deepEqual(JSON.parse(stat.body), { Key, Size: 9 })
  const resolved = await proxy.ask(`/api/v0/resolve?arg=/ipfs/${Key}`)
  assert.deepEqual(JSON.parse(resolved.body), { Path: `/ipfs/${Key}` })
})

test('bad puts are refused, each with its reason', async () => {
  const { proxy } = await serve()
  await using _proxy = proxy
  for (const [query, reason] of [
    ['cid-codec=foo', 'unknown multicodec: "foo"'],
    ['mhtype=foo', 'unrecognized multihash function: "foo"'],
  ]) {
    const { status, body } = await proxy.ask(`/api/v0/block/put?${query}`, multipart('a'))
    assert.equal(status, 500)
    assert.equal(JSON.parse(body).Message, reason)
  }
  const late = async (query: string, ask: ReturnType<typeof multipart>) => {
    const { trailers, body } = await proxy.ask(`/api/v0/block/put?${query}`, ask)
    assert.equal(body, '')
    return trailers[0]?.[1] ?? ''
  }
  for (const length of ['4', '33', '1e1', '0x20', '%2032', 'x'])
    assert.match(await late(`mhlen=${length}`, multipart('a')), /^mhlen must be/, length)
  assert.match(await late('', multipart('x'.repeat(2_097_153))), /^produced block is over 2MiB/)
  assert.match(await late('', { ...multipart('a'), body: '--b\r\n\r\ncut' }), /EOF/)
})

test('a command that needs a Kubo says so, and only POST calls one', async () => {
  const { proxy } = await serve()
  await using _proxy = proxy
  const missing = await proxy.ask('/api/v0/dag/get?arg=x')
  assert.equal(missing.status, 501)
  assert.match(JSON.parse(missing.body).Message, /"dag\/get" needs a Kubo/)
  assert.equal((await proxy.ask('/api/v0/dag/put?pin=true', multipart('{}'))).status, 501)
  assert.equal((await proxy.ask('/api/v0/toString')).status, 501)
  const got = await proxy.ask('/api/v0/id', { method: 'GET' })
  assert.deepEqual([got.status, got.headers.allow], [405, 'OPTIONS, POST'])
  assert.equal((await proxy.ask('/api/v0/pin/ls', { method: 'OPTIONS' })).status, 204)
  assert.equal((await proxy.ask('/webui', { method: 'GET' })).status, 404)
  const page = { headers: { origin: 'http://127.0.0.1:9095' } }
  assert.equal((await proxy.ask('/api/v0/id', page)).status, 403)
})

test('it tells who it is, as clients read it', async () => {
  const { proxy, ipfs } = await serve()
  await using _proxy = proxy
  const id = JSON.parse((await proxy.ask('/api/v0/id')).body)
  assert.equal(id.ID, ipfs.peer)
  assert.match(JSON.parse((await proxy.ask('/api/v0/version')).body).Version, /^\d+\.\d+\.\d+-pinfold\./)
  assert.deepEqual(JSON.parse((await proxy.ask('/api/v0/swarm/peers')).body), { Peers: [] })
  assert.equal((await proxy.ask('/api/v0/swarm/connect?arg=/ip4/127.0.0.1/tcp/1/p2p/x')).status, 500)
})
