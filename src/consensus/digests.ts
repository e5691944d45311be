import { DIGEST_BYTES, digestOf, type Head, xorInto } from './head.ts'

/** How many groups of partitions are compared before single partitions are. */
export const GROUPS_COUNT = 64

/**
 * Digests of all partitions, of groups of them, and of the whole: each the XOR of those below it. They are worked out
 * when somebody looks, since under load a partition changes many times between two looks.
 */
export class Digests {
  readonly #partitionsCount: number
  readonly #retired: ReadonlySet<number>
  readonly #partitions: Uint8Array
  readonly #groups = new Uint8Array(GROUPS_COUNT * DIGEST_BYTES)
  readonly #root = new Uint8Array(DIGEST_BYTES)
  readonly #changed = new Map<number, Head>()

  /** `retired` is looked at whenever digests are worked out. */
  constructor(partitionsCount: number, retired: ReadonlySet<number>) {
    this.#partitionsCount = partitionsCount
    this.#retired = retired
    this.#partitions = new Uint8Array(partitionsCount * DIGEST_BYTES)
  }

  /** Takes in the new head of a partition. */
  update(partition: number, head: Head): void {
    this.#changed.set(partition, head)
  }

  #workOut(): void {
    for (const [partition, head] of this.#changed) {
      const own = at(this.#partitions, partition)
      const change = Uint8Array.from(digestOf(partition, head, this.#retired))
      xorInto(change, own)
      xorInto(own, change)
      xorInto(at(this.#groups, partition % GROUPS_COUNT), change)
      xorInto(this.#root, change)
    }
    this.#changed.clear()
  }

  /** The digest of the whole. */
  get root(): Uint8Array {
    this.#workOut()
    return Uint8Array.from(this.#root)
  }

  /** The digest of one group. */
  ofGroup(group: number): Uint8Array {
    this.#workOut()
    return Uint8Array.from(at(this.#groups, group))
  }

  /** The digest of one partition. */
  ofPartition(partition: number): Uint8Array {
    this.#workOut()
    return Uint8Array.from(at(this.#partitions, partition))
  }

  /** Partitions of a group, ascending. */
  partitionsOf(group: number): number[] {
    const partitions: number[] = []
    for (let partition = group; partition < this.#partitionsCount; partition += GROUPS_COUNT)
      partitions.push(partition)
    return partitions
  }
}

function at(digests: Uint8Array, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES)
}
