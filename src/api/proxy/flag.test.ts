import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidOf } from '../../../test/support/cluster-peers.ts'
import { type ProxyAsk, serveProxy } from '../../../test/support/proxy-server.ts'
import { type Cid, formatCid } from '../../model/cid.ts'
import { toPin } from '../../model/pin.ts'
import { flagOf } from './flag.ts'

const one = await cidOf('one')
const two = await cidOf('two')
const FILE: ProxyAsk = {
  headers: { 'content-type': 'multipart/form-data; boundary=b' },
  body: '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhi\r\n--b--\r\n',
}

test('a flag has the forms that Kubo takes, the first one counts, and an empty one is none', () => {
  const flag = (text: string, otherwise?: boolean) => flagOf(new URLSearchParams(text), 'f', otherwise)
  for (const yes of ['f=true', 'f=1', 'f=T', 'f=true&f=false']) assert.equal(flag(yes), true, yes)
  for (const no of ['f=false', 'f=0', 'f=F', 'f=false&f=true', '', 'f=', 'g=1'])
    assert.equal(flag(no), false, no)
  for (const none of ['', 'f=']) assert.equal(flag(none, true), true)
  for (const bad of ['f=yes', 'f=2', 'f=%00', 'f=tRue', `f=${'x'.repeat(3000)}`])
    assert.throws(() => flag(bad), { code: 'INVALID_ARGUMENT', message: 'parameter f invalid' })
})

test("a flag that says neither yes nor no is refused in Kubo's form, and nothing is done", async () => {
  // A stub that fails on every call it was not given.
  await using proxy = await serveProxy({ cluster: { allocation: async cid => toPin(cid) } })
  const args = `arg=${formatCid(one)}&arg=${formatCid(two)}`
  for (const [target, name] of [
    [`pin/update?${args}&unpin=no`, 'unpin'],
    [`pin/ls?${args}&stream=yes`, 'stream'],
    [`pin/ls?${args}&s=2`, 's'],
    [`pin/ls?${args}&names=x`, 'names'],
    ['repo/gc?stream-errors=y', 'stream-errors'],
    ['add?pin=no', 'pin'],
    ['add?trickle=yes', 'trickle'],
    ['add?only-hash=yes', 'only-hash'],
    ['add?inline=%ff', 'inline'],
    ['block/put?allow-big-block=yes', 'allow-big-block'],
    ['block/put?pin=yes', 'pin'],
  ] as const) {
    const { status, body } = await proxy.ask(`/api/v0/${target}`, FILE)
    assert.equal(status, 500, target)
    const { Message, Code, Type } = JSON.parse(body)
    assert.deepEqual([Code, Type], [0, 'error'], target)
    assert.match(Message, new RegExp(`parameter ${name} invalid$`), target)
  }
  assert.deepEqual(proxy.logger.lines, [])
})

test('an update keeps what it came from however "no" is written', async () => {
  const unpinned: Cid[] = []
  const cluster = {
    allocation: async (cid: Cid) => toPin(cid),
    pin: async (cid: Cid) => toPin(cid),
    unpin: async (cid: Cid) => {
      unpinned.push(cid)
      return toPin(cid)
    },
  }
  await using proxy = await serveProxy({ cluster })
  const args = `arg=${formatCid(one)}&arg=${formatCid(two)}`
  for (const no of ['false', '0', 'F']) {
    assert.equal((await proxy.ask(`/api/v0/pin/update?${args}&unpin=${no}`)).status, 200)
    assert.deepEqual(unpinned, [], no)
  }
  assert.equal((await proxy.ask(`/api/v0/pin/update?${args}`)).status, 200)
  assert.deepEqual(unpinned, [one])
})
