import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { Emitter } from '../lib/emitter.ts'
import type { PeerId } from '../model/peer.ts'
import { AddressBook } from './address-book.ts'
import { openMeet } from './meet.ts'

const id = (name: string) => `12D3KooW${name.padEnd(30, 'x')}`
const HUB = `/ip4/127.0.0.1/tcp/1/p2p/${id('z')}`

/** A peer whose dials fail as long as `isDown`. */
function openLonely() {
  const clock = virtualClock()
  const random = seededRandom(1)
  const logger = silentLogger()
  const events = new Emitter<{ readonly peer: PeerId; readonly isConnected: boolean }>()
  const connected = new Set<PeerId>()
  const dialsAtMs: number[] = []
  const state = { isDown: true }
  const setConnected = (peer: PeerId, isConnected: boolean) => {
    if (isConnected) connected.add(peer)
    else connected.delete(peer)
    events.emit({ peer, isConnected })
  }
  const book = new AddressBook(id('a'), { clock, random })
  book.keep(HUB)
  const meet = openMeet(
    {
      network: {
        self: id('a'),
        peers: () => [...connected],
        addresses: () => [],
        async *request() {},
        serve: () => ({ [Symbol.dispose]: () => undefined }),
        onPeer: listener => events.on(listener),
      },
      book,
      dial: async peer => {
        dialsAtMs.push(clock.monotonic())
        if (state.isDown) throw new Error('connection refused')
        setConnected(peer, true)
      },
      clock,
      random,
      logger,
      onDialFailure: () => undefined,
    },
    { connectionsWanted: 5 },
  )
  const warnings = () => logger.lines.filter(line => line.level === 'warn')
  return { clock, state, setConnected, dialsAtMs, warnings, meet }
}

function longestPauseMs(times: readonly number[]): number {
  return Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? 0)))
}

it('a peer that is alone tries who it is to keep every ten seconds, and says so after a while and then now and then', async () => {
  const lonely = openLonely()
  await using _meet = lonely.meet
  await lonely.clock.advance(9000)
  assert.equal(lonely.warnings().length, 0)
  await lonely.clock.advance(20_000)
  assert.equal(lonely.warnings().length, 1)
  const [line] = lonely.warnings()
  assert.deepEqual(line?.fields, { peer: id('z'), addresses: [HUB], error: 'connection refused' })
  await lonely.clock.advance(1_800_000)
  const pauseMs = longestPauseMs(lonely.dialsAtMs)
  assert.ok(pauseMs <= 10_500, `${pauseMs} ms`)
  assert.ok(lonely.warnings().length >= 6 && lonely.warnings().length <= 7, `${lonely.warnings().length}`)
})

it('a peer that is not alone lets others be, and one that becomes alone does not wait out what it began', async () => {
  const lonely = openLonely()
  await using _meet = lonely.meet
  lonely.setConnected(id('b'), true)
  await lonely.clock.advance(1_800_000)
  assert.deepEqual(lonely.warnings(), [])
  assert.ok(longestPauseMs(lonely.dialsAtMs) > 20_000)
  lonely.setConnected(id('b'), false)
  const before = lonely.dialsAtMs.length
  await lonely.clock.advance(11_000)
  assert.ok(lonely.dialsAtMs.length > before)
  assert.equal(lonely.warnings().length, 1)
  lonely.state.isDown = false
  await lonely.clock.advance(11_000)
  const connectedAt = lonely.dialsAtMs.length
  await lonely.clock.advance(60_000)
  assert.equal(lonely.dialsAtMs.length, connectedAt)
})
