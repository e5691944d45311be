import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { SELF, type TrackerWorld, trackerWorld } from '../../test/support/tracker-world.ts'
import { cidFromKey, cidKey } from '../model/cid.ts'
import { toPin } from '../model/pin.ts'
import { reconcile } from './reconcile.ts'

const MINUTE_MS = 60_000
const { signal } = new AbortController()
/** CIDs that only users of the IPFS node know: the pinset never has them. */
const OWN = [100, 101, 102]
/** What others said a minute ago still counts, and a call takes up to 20 s here. */
const ANSWER_IS_FRESH_MS = 85_000
const KINDS = ['here', 'direct', 'elsewhere', 'meta'] as const

const NUMBER_MAX = 11
const anyNumber = fc.nat(NUMBER_MAX)
const anyEvent = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constant('set'), number: anyNumber, kind: fc.constantFrom(...KINDS) }),
  },
  { weight: 5, arbitrary: fc.record({ what: fc.constant('remove'), number: anyNumber }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('recover'), number: anyNumber }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('wait'),
      ms: fc.constantFrom(0, 1, 100, 5000, 60_000, 800_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constantFrom(
        'down',
        'up',
        'refuse',
        'accept',
        'cut',
        'whole',
        'slow',
        'late',
        'wipe',
        'lose',
        'nobody',
        'everybody',
        'silent',
        'loud',
        'recoverAll',
      ),
      number: anyNumber,
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('restart', 'crash') }) },
)

type Event = { what: string; number?: number; kind?: (typeof KINDS)[number]; ms?: number }

async function happen(world: TrackerWorld, { what, number = 0, kind, ms = 0 }: Event): Promise<void> {
  const cid = numberedCid(number)
  const { faults, held } = world.ipfs
  const actions: Record<string, () => void | Promise<unknown>> = {
    set: () => {
      const places = kind === 'elsewhere' ? ['other'] : [SELF, 'other']
      const mode = kind === 'direct' ? 'direct' : 'recursive'
      const type = kind === 'meta' ? 'meta-pin' : 'pin'
      world.pinset.set(toPin(cid, { type, mode, allocations: places, replicationMin: 1, replicationMax: 2 }))
    },
    remove: () => world.pinset.remove(cid),
    recover: () => world.tracker.recover(cid, { signal }).catch(() => undefined),
    recoverAll: async () => {
      for await (const info of world.tracker.recoverAll({ signal })) assert.ok(info.status !== 'pinned')
    },
    wait: () => world.clock.advance(ms),
    down: () => void (faults.isDown = true),
    up: () => void (faults.isDown = false),
    refuse: () => void (faults.refusedShare = 0.5),
    accept: () => void (faults.refusedShare = 0),
    cut: () => void (faults.cutShare = 0.5),
    whole: () => void (faults.cutShare = 0),
    slow: () => void (faults.delayMaxMs = 20_000),
    late: () => void (faults.lateShare = 0.5),
    wipe: () => {
      for (const name of held.keys()) if (!isOwn(name)) held.delete(name)
    },
    nobody: () => void world.others.held.set('other', new Set()),
    everybody: () => world.others.held.clear(),
    silent: () => void world.others.silent.add('other'),
    loud: () => world.others.silent.clear(),
    lose: () => void held.delete(cidKey(cid)),
    restart: () => world.restart(),
    crash: () => world.crash(),
  }
  const done = actions[what]?.()
  // Questions to a slow node end when time goes on.
  if (what === 'recover' || what === 'recoverAll') await world.clock.advance(30_000)
  await done
}

const ownNames = new Set(OWN.map(number => cidKey(numberedCid(number))))
const isOwn = (name: string) => ownNames.has(name)

test('whatever happens in whatever order, IPFS ends with what the pinset says, and users keep their own', async () => {
  const property = fc.asyncProperty(
    fc.array(anyEvent, { maxLength: 60, size: 'max' }),
    fc.nat(),
    fc.constantFrom(1, 2, 4, 1000),
    async (events, seed, windowMax) => {
      await using world = await trackerWorld({ seed, windowMax })
      for (const name of ownNames) world.ipfs.held.set(name, 'recursive')
      let lostMs = Number.POSITIVE_INFINITY
      world.ipfs.watch.onReleased = cid => {
        const isWanted = world.pinset.entries.has(cidKey(cid))
        const isLost = world.clock.monotonic() - lostMs > ANSWER_IS_FRESH_MS
        assert.ok(!isWanted || !isLost, `${cid} was let go of though nobody else had it`)
      }
      for (const event of events) {
        if (event.what === 'nobody') lostMs = Math.min(lostMs, world.clock.monotonic())
        if (event.what === 'everybody') lostMs = Number.POSITIVE_INFINITY
        await happen(world, event)
      }
      lostMs = Number.POSITIVE_INFINITY
      world.others.held.clear()
      world.others.silent.clear()
      Object.assign(world.ipfs.faults, { isDown: false, refusedShare: 0, cutShare: 0, delayMaxMs: 0 })
      await world.clock.advance(40 * MINUTE_MS)
      for (let number = 0; number <= NUMBER_MAX; number += 1) {
        const name = cidKey(numberedCid(number))
        const desired = world.pinset.entries.get(name)
        // What was pinned here before the root became a sharded DAG's is not the tracker's to judge.
        if (desired?.type === 'meta-pin') continue
        assert.equal(reconcile(desired, world.ipfs.held.get(name), SELF), 'nothing', `CID ${number}`)
      }
      for (const number of OWN) assert.equal(world.ipfs.held.get(cidKey(numberedCid(number))), 'recursive')
      for (const cid of world.ipfs.released) assert.ok(!isOwn(cidKey(cid)))
      assert.equal(world.tracker.queueLength, 0)
      assert.deepEqual([...world.ipfs.pinning].map(cidFromKey), [])
    },
  )
  await fc.assert(property, { numRuns: 500 })
})
