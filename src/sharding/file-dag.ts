import type { BlockWriter, Written } from './block-writer.ts'

/** Most children of one node, as in Kubo's default import. */
const LINKS_MAX = 174
/** How many subtrees of each depth a trickle DAG has. */
const TRICKLE_REPEAT = 4

/** Takes the chunks of one file in order and ends with its root. Holds links of unfinished nodes only, never content. */
export interface FileDag {
  add(chunk: Uint8Array): Promise<void>
  finish(): Promise<Written>
}

/** The DAG of one file in the given layout. */
export function fileDag(
  layout: 'balanced' | 'trickle',
  rawLeaves: boolean,
  writer: Pick<BlockWriter, 'rawLeaf' | 'leaf' | 'fileNode'>,
): FileDag {
  return layout === 'trickle' ? new TrickleDag(rawLeaves, writer) : new BalancedDag(rawLeaves, writer)
}

type Writer = Pick<BlockWriter, 'rawLeaf' | 'leaf' | 'fileNode'>

/** All leaves at the same depth; every node is filled before the next begins. */
class BalancedDag implements FileDag {
  readonly #rawLeaves: boolean
  readonly #writer: Writer
  /** Finished nodes that wait for a parent, by height above the leaves. */
  readonly #levels: Written[][] = []

  constructor(rawLeaves: boolean, writer: Writer) {
    this.#rawLeaves = rawLeaves
    this.#writer = writer
  }

  async add(chunk: Uint8Array): Promise<void> {
    await this.#put(
      0,
      this.#rawLeaves ? await this.#writer.rawLeaf(chunk) : await this.#writer.leaf('file', chunk),
    )
  }

  async finish(): Promise<Written> {
    for (let height = 0; ; height++) {
      const level = this.#levels[height] ?? []
      const [only] = level
      if (only !== undefined && level.length === 1 && height === this.#levels.length - 1) return only
      if (level.length > 0) await this.#close(height)
      else if (height >= this.#levels.length) {
        await this.add(new Uint8Array())
        return this.finish()
      }
    }
  }

  /** Closes a full level only when another node comes, since the last one may be the root. */
  async #put(height: number, node: Written): Promise<void> {
    const level = this.#levels[height]
    if (level === undefined) this.#levels[height] = [node]
    else {
      if (level.length === LINKS_MAX) await this.#close(height)
      this.#levels[height]?.push(node)
    }
  }

  async #close(height: number): Promise<void> {
    const node = await this.#writer.fileNode(this.#levels[height] ?? [])
    this.#levels[height] = []
    await this.#put(height + 1, node)
  }
}

interface TrickleNode {
  readonly children: Written[]
  /** Subtrees must be shallower than this. */
  readonly depthMax: number
  leavesCount: number
  /** Depth of the next subtree, and how many of that depth there are. */
  depth: number
  repeats: number
}

/**
 * Every node first has leaves, then subtrees of growing depth, four of each: reading from the start needs few nodes.
 * The root is never a leaf. Follows the layout of go-unixfs' trickle importer, which needs no more memory than a path.
 */
class TrickleDag implements FileDag {
  readonly #rawLeaves: boolean
  readonly #writer: Writer
  readonly #path: TrickleNode[] = [trickleNode(Number.POSITIVE_INFINITY)]

  constructor(rawLeaves: boolean, writer: Writer) {
    this.#rawLeaves = rawLeaves
    this.#writer = writer
  }

  async add(chunk: Uint8Array): Promise<void> {
    const leaf = this.#rawLeaves ? await this.#writer.rawLeaf(chunk) : await this.#writer.leaf('raw', chunk)
    for (;;) {
      const node = this.#path.at(-1)
      if (node === undefined) return
      if (node.leavesCount < LINKS_MAX) {
        node.children.push(leaf)
        node.leavesCount++
        return
      }
      if (node.depth < node.depthMax) {
        this.#path.push(trickleNode(node.depth))
        node.repeats++
        if (node.repeats === TRICKLE_REPEAT) {
          node.repeats = 0
          node.depth++
        }
      } else await this.#close()
    }
  }

  async finish(): Promise<Written> {
    while (this.#path.length > 1) await this.#close()
    return this.#writer.fileNode(this.#path[0]?.children ?? [])
  }

  async #close(): Promise<void> {
    const node = this.#path.pop()
    const written = await this.#writer.fileNode(node?.children ?? [])
    this.#path.at(-1)?.children.push(written)
  }
}

function trickleNode(depthMax: number): TrickleNode {
  return { children: [], depthMax, leavesCount: 0, depth: 1, repeats: 0 }
}
