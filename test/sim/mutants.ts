import type { Lies } from './world.ts'

/** A change of one place in the source: what stands there, and what is put in its place while the file is loaded. */
export interface Patch {
  /** Path below src/. */
  readonly file: string
  readonly find: string
  readonly put: string
}

/** A fault put in on purpose, which the simulation must find. */
export interface Mutant {
  readonly name: string
  /** Why it is a fault: letters as in docs/internals/consensus.md and the design it came from. */
  readonly says: string
  /** Put in through the seams … */
  readonly lies?: Partial<Lies>
  /** … or where no seam reaches. */
  readonly patch?: Patch
  /** Whether it shows where content moves away from peers that leave. */
  readonly isMoving?: boolean
  /** The first seed: 1 where it is not said. */
  readonly fromSeed?: number
  /** The simulation must find it within so many seeds. */
  readonly seedsMax: number
}

/** Faults that the simulation is known to find. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'answer-before-sync',
    says: 'a write is answered before it is on disk (G1)',
    lies: { answersBeforeSync: true },
    seedsMax: 40,
  },
  {
    name: 'clock-reuse',
    says: 'a peer that went back to an earlier state of its disk goes on under the same writer number',
    lies: { reusesIncarnation: true },
    seedsMax: 60,
  },
  {
    name: 'torn-batch',
    says: 'a power cut leaves half of an atomic batch on disk',
    lies: { tearsBatches: true },
    fromSeed: 30,
    seedsMax: 60,
  },
  {
    name: 'key-used-twice',
    says: 'two writes share a key of the map, so that the second one, made without its past, dies at once (H1)',
    patch: {
      file: 'consensus/update.ts',
      find: 'id.clock.toString(36)',
      put: '(id.clock - (id.clock % 2)).toString(36)',
    },
    seedsMax: 20,
  },
  {
    name: 'gap-applied',
    says: 'an update is applied although an earlier one of its writer is missing (H1)',
    patch: {
      file: 'consensus/work.ts',
      find: 'if (change.values.length > 0 && change.fromClock > known) return false',
      put: '',
    },
    seedsMax: 100,
  },
  {
    name: 'deletions-not-in-digest',
    says: 'the digest covers what was written but not what was deleted, so that a lost removal does not show (H2)',
    patch: {
      file: 'consensus/head.ts',
      find: '.uint(partition).raw(head.live).uint(head.liveCount)',
      put: '.uint(partition)',
    },
    seedsMax: 40,
  },
  {
    name: 'pending-unpins-forgotten',
    says: 'a tracker does not go on with the unpins that an earlier run of it left',
    patch: {
      file: 'pintracker/tracker.ts',
      find: 'for (const name of journal.names()) lookAt(name)',
      put: '',
    },
    fromSeed: 6,
    seedsMax: 40,
  },
  {
    name: 'keepers-not-needed',
    says: 'content is let go of before others hold it',
    patch: {
      file: 'model/holds.ts',
      find: 'return Math.max(1, Math.min(pin.replicationMin, pin.allocations.length))',
      put: 'return 0',
    },
    isMoving: true,
    fromSeed: 6,
    seedsMax: 10,
  },
  {
    name: 'move-undoes-removal',
    says: 'a move that crosses a removal brings the pin back',
    patch: {
      file: 'consensus/recent-removals.ts',
      find: 'return times.some(deleted => isMoveOf(time, deleted))',
      put: 'return times.length === 0 && isMoveOf(time, time)',
    },
    isMoving: true,
    fromSeed: 4,
    seedsMax: 20,
  },
  {
    name: 'move-of-the-present',
    says: 'a move counts as written now, and so wins over what a user writes at the same time',
    patch: {
      file: 'consensus/work.ts',
      find: 'await this.#write(seen, pin, timeOfMove(moved), moved)',
      put: 'await this.#write(seen, pin, this.#context.hlc.tick(), moved)',
    },
    isMoving: true,
    fromSeed: 5,
    seedsMax: 10,
  },
  {
    name: 'nobody-is-responsible',
    says: 'every peer moves what the nearest one should',
    patch: {
      file: 'cluster/repin/repinner.ts',
      find: 'isAble && rank(cid) <= maxRank',
      put: 'isAble && rank(cid) <= maxRank + 99',
    },
    isMoving: true,
    fromSeed: 3,
    seedsMax: 10,
  },
  {
    name: 'no-partition-guard',
    says: 'a minority moves content by itself',
    patch: {
      file: 'cluster/repin/leaving.ts',
      find: 'waitMs > 0 || guard !== undefined || !rule.isAutomatic',
      put: 'waitMs > 0 || !rule.isAutomatic',
    },
    isMoving: true,
    fromSeed: 44,
    seedsMax: 10,
  },
]
