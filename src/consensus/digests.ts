import { DIGEST_BYTES, digestOf, type Head, xorInto } from './head.ts'

/** How many groups of partitions are compared before single partitions are. */
export const GROUPS_COUNT = 64

/** Digests of all partitions, of groups of them, and of the whole: each the XOR of those below it, kept up to date. */
export class Digests {
  readonly #partitionsCount: number
  readonly #partitions: Uint8Array
  readonly #groups = new Uint8Array(GROUPS_COUNT * DIGEST_BYTES)
  readonly #root = new Uint8Array(DIGEST_BYTES)

  readonly #retired: ReadonlySet<number>

  /** `retired` is looked at with every update. */
  constructor(partitionsCount: number, retired: ReadonlySet<number>) {
    this.#partitionsCount = partitionsCount
    this.#retired = retired
    this.#partitions = new Uint8Array(partitionsCount * DIGEST_BYTES)
  }

  /** Takes in the new head of a partition. */
  update(partition: number, head: Head): void {
    const own = this.ofPartition(partition)
    const change = digestOf(partition, head, this.#retired)
    xorInto(change, own)
    xorInto(own, change)
    xorInto(at(this.#groups, groupOf(partition)), change)
    xorInto(this.#root, change)
  }

  /** The digest of the whole, a view. */
  get root(): Uint8Array {
    return this.#root
  }

  /** The digest of one group, a view. */
  ofGroup(group: number): Uint8Array {
    return at(this.#groups, group)
  }

  /** The digest of one partition, a view. */
  ofPartition(partition: number): Uint8Array {
    return at(this.#partitions, partition)
  }

  /** Partitions of a group, ascending. */
  partitionsOf(group: number): number[] {
    const partitions: number[] = []
    for (let partition = group; partition < this.#partitionsCount; partition += GROUPS_COUNT)
      partitions.push(partition)
    return partitions
  }
}

function groupOf(partition: number): number {
  return partition % GROUPS_COUNT
}

function at(digests: Uint8Array, index: number): Uint8Array {
  return digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES)
}
