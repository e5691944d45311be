import { encode, type PBLink, prepare } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { ClusterError } from '../errors.ts'
import type { Block } from '../interfaces.ts'
import type { Cid } from '../model/cid.ts'
import { type Hasher, hasherOf } from './hashes.ts'

const RAW = 0x55
const DAG_PB = 0x70

/** Something that was written: its name, the bytes of its whole DAG, and the bytes of file content below it. */
export interface Written {
  readonly cid: Cid
  readonly dagBytes: number
  readonly fileBytes: number
}

/** A part of a directory. */
export interface NamedLink {
  readonly name: string
  readonly cid: Cid
  readonly dagBytes: number
}

/** How names are made. */
export interface WriterParams {
  readonly hash: string
  readonly cidVersion: 0 | 1
}

/** Makes blocks of UnixFS nodes and hands each to `put` before it goes on. */
export class BlockWriter {
  readonly #put: (block: Block) => Promise<void>
  readonly #hasher: Hasher
  readonly #cidVersion: 0 | 1

  /** Throws `INVALID_ARGUMENT` for a hash that is not known or does not go with version 0. */
  constructor(params: WriterParams, put: (block: Block) => Promise<void>) {
    this.#put = put
    this.#hasher = hasherOf(params.hash)
    this.#cidVersion = params.cidVersion
    if (params.cidVersion === 0 && params.hash.toLowerCase() !== 'sha2-256') {
      throw new ClusterError(
        'INVALID_ARGUMENT',
        `invalid cid: invalid v0 prefix: hash ${params.hash} needs cid-version 1`,
      )
    }
  }

  /** A leaf that is nothing but its bytes; its CID is always of version 1. */
  async rawLeaf(bytes: Uint8Array): Promise<Written> {
    const cid = CID.createV1(RAW, this.#hasher(bytes))
    await this.#put({ cid, bytes })
    return { cid, dagBytes: bytes.length, fileBytes: bytes.length }
  }

  /** A leaf within a UnixFS node. */
  async leaf(type: 'file' | 'raw', data: Uint8Array): Promise<Written> {
    const unixfs = new UnixFS({ type, data })
    return { ...(await this.node(unixfs.marshal(), [])), fileBytes: data.length }
  }

  /** A node of a file over others. */
  async fileNode(children: readonly Written[]): Promise<Written> {
    const unixfs = new UnixFS({ type: 'file' })
    let fileBytes = 0
    for (const child of children) {
      unixfs.addBlockSize(BigInt(child.fileBytes))
      fileBytes += child.fileBytes
    }
    const links = children.map(child => ({ name: '', ...child }))
    return { ...(await this.node(unixfs.marshal(), links)), fileBytes }
  }

  async symlink(target: string): Promise<Written> {
    const unixfs = new UnixFS({ type: 'symlink', data: new TextEncoder().encode(target) })
    return this.node(unixfs.marshal(), [])
  }

  async directory(links: readonly NamedLink[]): Promise<Written> {
    return this.node(new UnixFS({ type: 'directory' }).marshal(), links)
  }

  /** Any dag-pb node; its links are sorted by the bytes of their names, as dag-pb demands. */
  async node(data: Uint8Array, links: readonly NamedLink[]): Promise<Written> {
    const bytes = encode(prepare({ Data: data, Links: links.map(toPbLink) }))
    const cid = CID.create(this.#cidVersion, DAG_PB, this.#hasher(bytes))
    await this.#put({ cid, bytes })
    const dagBytes = links.reduce((sum, link) => sum + link.dagBytes, bytes.length)
    return { cid, dagBytes, fileBytes: 0 }
  }
}

function toPbLink(link: NamedLink): PBLink {
  return { Name: link.name, Hash: link.cid, Tsize: link.dagBytes }
}
