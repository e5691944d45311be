import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { identityFrom, openReplica, pull, settled } from '../../test/fuzz/world.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { systemClock } from '../lib/clock.ts'
import { toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { PartitionChange } from './part.ts'
import type { Replica } from './replica.ts'
import { decodeChange } from './update.ts'

const { signal } = new AbortController()
const CID = numberedCid(1)
const COUNT = 3
const random = seededRandom(5)
const HOLDERS = Array.from({ length: 8 }, () => identityFrom(random).id)

/** One of several replicas, with what it wrote and how much of that each of the others was sent. */
interface Side {
  readonly replica: Replica
  readonly written: PartitionChange[]
  readonly sent: number[]
}

/** The clock of the first one, which wrote what is moved, is ahead by so much; all stand still. */
async function openSides(stack: AsyncDisposableStack, aheadMs: number): Promise<readonly Side[]> {
  const nowMs = systemClock.now()
  const sides: Side[] = []
  for (let at = 0; at < COUNT; at++) {
    const clock = { ...systemClock, now: () => nowMs + (at === 0 ? aheadMs : 0) }
    const replica = stack.use(
      await openReplica(HOLDERS[at] ?? '', seededRandom(at), openMemoryStore(), clock),
    )
    const written: PartitionChange[] = []
    replica.onWritten(changes => written.push(...changes))
    sides.push({ replica, written, sent: Array.from({ length: COUNT }, () => 0) })
  }
  return sides
}

/** Hands over what the one wrote and the other was not sent yet; it is worked out together with what is said at once after it. */
function deliver(from: Side, to: Side, at: number): void {
  const changes = from.written.slice(from.sent[at] ?? 0)
  from.sent[at] = from.written.length
  const received = changes.map(({ partition, time, update, deletedCids }) => ({
    partition,
    time,
    change: decodeChange(update),
    deletedCids,
  }))
  if (received.length > 0) to.replica.receive('writer', received, 0)
}

/** Everybody gets all that anybody has, and what anybody says to that. */
async function exchange(sides: readonly Side[]): Promise<void> {
  for (let round = 0; round < 3; round++)
    for (const to of sides) for (const from of sides) if (from !== to) await pull(to.replica, from.replica)
}

const side = fc.nat(COUNT - 1)
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('deliver' as const), from: side, to: side }),
    fc.record({ what: fc.constant('move' as const), from: side, to: fc.nat(HOLDERS.length - 1) }),
    fc.record({ what: fc.constant('settle' as const), from: side, to: side }),
  ),
  { maxLength: 12 },
)

interface Step {
  readonly what: 'deliver' | 'move' | 'settle'
  readonly from: number
  readonly to: number
}

/** What the user does while others move. */
type Doing = 'remove' | 'remove and pin' | 'pin over' | 'pin over and remove'

async function play(parts: {
  readonly before: readonly Step[]
  readonly after: readonly Step[]
  readonly user: number
  readonly aheadMs: number
  readonly does: Doing
}): Promise<readonly (string | undefined)[]> {
  await using stack = new AsyncDisposableStack()
  const sides = await openSides(stack, parts.aheadMs)
  await sides[0]?.replica.write([toPin(CID, { allocations: HOLDERS.slice(0, 2) })], [], signal)
  await exchange(sides)
  for (const { written, sent } of sides) sent.fill(written.length)
  const running: Promise<void>[] = []
  const step = async ({ what, from, to }: Step) => {
    const one = sides[from]
    const other = sides[to % COUNT]
    assert.ok(one && other)
    if (what === 'deliver' && one !== other) deliver(one, other, to)
    if (what === 'settle') await settled(one.replica)
    if (what !== 'move') return
    const entry = await one.replica.get(CID)
    if (entry === undefined) return
    const moved = { ...entry, allocations: [HOLDERS[0] ?? '', HOLDERS[to] ?? ''] }
    running.push(one.replica.replace([moved], [entry], signal))
  }
  for (const each of parts.before) await step(each)
  const user = sides[parts.user]?.replica
  assert.ok(user)
  if (parts.does.startsWith('remove')) running.push(user.write([], [CID], signal))
  if (parts.does !== 'remove') running.push(user.write([toPin(CID, { name: 'again' })], [], signal))
  if (parts.does === 'pin over and remove') running.push(user.write([], [CID], signal))
  for (const each of parts.after) await step(each)
  await Promise.all(running)
  await exchange(sides)
  return Promise.all(sides.map(async ({ replica }) => (await replica.get(CID))?.name))
}

test('what a user removes or pins wins over every move that it crosses, whatever the clocks say', async () => {
  const property = fc.asyncProperty(
    steps,
    steps,
    side,
    fc.constantFrom<Doing>('remove', 'remove and pin', 'pin over', 'pin over and remove'),
    fc.constantFrom(0, 60_000, 1_200_000),
    async (before, after, user, does, aheadMs) => {
      const names = await play({ before, after, user, does, aheadMs })
      assert.deepEqual(names, Array(COUNT).fill(does.endsWith('remove') ? undefined : 'again'))
    },
  )
  await fc.assert(property, { numRuns: 100 })
})
