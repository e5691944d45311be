import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import type { Options } from '../interfaces.ts'
import type { IpfsId } from '../model/peer.ts'
import { type IdentifyComponents, makeIdentify } from './identify.ts'

const ID: IpfsId = { id: '12D3KooWGBfKT1Y2rCPbSoXxBAq7Yhdt38yEQvJFqAGXbLGyxKhv', addresses: [], error: '' }
const never = new AbortController().signal

/** A peer whose IPFS node answers when `answer` is called. */
function world() {
  const clock = virtualClock()
  const asked: { readonly signal: AbortSignal; readonly answer: PromiseWithResolvers<IpfsId> }[] = []
  const components = {
    clock,
    self: 'self',
    peername: 'name',
    version: '1',
    rpcProtocolVersion: '1',
    network: { peers: () => [], addresses: () => [], addressesOf: async () => [] },
    monitor: { peers: () => [] },
    consensus: { state: {} },
    ipfs: {
      id: ({ signal }: Options) => {
        const answer = Promise.withResolvers<IpfsId>()
        asked.push({ signal, answer })
        return answer.promise
      },
    },
  }
  // Only what is used is there.
  const identify = makeIdentify(components as unknown as IdentifyComponents)
  return { clock, asked, identify }
}

test('however many ask at once, the IPFS node is asked once, and again when its answer has aged', async () => {
  const { clock, asked, identify } = world()
  const many = Promise.all(Array.from({ length: 1000 }, () => identify({ signal: never })))
  await clock.advance(4000)
  const late = identify({ signal: never })
  assert.equal(asked.length, 1)
  asked[0]?.answer.resolve(ID)
  for (const info of [...(await many), await late]) assert.equal(info.ipfs.id, ID.id)
  await clock.advance(2999)
  await identify({ signal: never })
  assert.equal(asked.length, 1)
  await clock.advance(1)
  const again = identify({ signal: never })
  asked[1]?.answer.reject(new Error('it is down'))
  assert.equal((await again).ipfs.error, 'it is down')
  assert.equal(asked.length, 2)
})

test('who stops waiting stops alone', async () => {
  const { asked, identify } = world()
  const stopping = new AbortController()
  const first = identify({ signal: stopping.signal })
  const second = identify({ signal: never })
  stopping.abort(new Error('enough'))
  await assert.rejects(first, /enough/)
  assert.equal(asked[0]?.signal.aborted, false)
  asked[0]?.answer.resolve(ID)
  assert.equal((await second).ipfs.id, ID.id)
})
