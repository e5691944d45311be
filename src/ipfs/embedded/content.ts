import { exporter, walkPath } from 'ipfs-unixfs-exporter'
import { ClusterError, messageOf } from '../../errors.ts'
import type { Cid } from '../../model/cid.ts'
import { parseCid } from '../../model/cid.ts'

/** Every block by its name; waits until somebody has it. */
export interface BlockReader {
  get(cid: Cid, signal: AbortSignal): Promise<Uint8Array>
}

const READ_AHEAD_BLOCKS = 8

/** The bytes of a file, block by block. `IPFS_REFUSED` for folders and for what is no file. */
export async function* catFile(
  source: BlockReader,
  cid: Cid,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const entry = await translated(`cat of ${cid.toString()}`, signal, () =>
    exporter(cid, storageOf(source, signal), { signal }),
  )
  if (entry.type !== 'file' && entry.type !== 'raw' && entry.type !== 'identity') {
    const kind = entry.type === 'directory' ? 'a folder' : 'not a file'
    throw new ClusterError('IPFS_REFUSED', `cat of ${cid.toString()}: it is ${kind}`)
  }
  const bytes = entry.content({ signal, blockReadConcurrency: READ_AHEAD_BLOCKS })[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await translated(`cat of ${cid.toString()}`, signal, () => bytes.next())
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await bytes.return?.(undefined)
  }
}

/** The CID at `/ipfs/<cid>/a/b`, through folders and dag-cbor maps. */
export async function resolvePath(source: BlockReader, path: string, signal: AbortSignal): Promise<Cid> {
  const [, space, root, ...names] = path.startsWith('/') ? path.split('/') : ['', 'ipfs', ...path.split('/')]
  if (space !== 'ipfs' || root === undefined) {
    throw new ClusterError(
      'IPFS_REFUSED',
      `resolve of ${path}: the embedded IPFS node resolves /ipfs/ paths only; names under /ipns/ need a Kubo node`,
    )
  }
  const rest = names.filter(name => name !== '')
  const cid = parseCid(root)
  if (rest.length === 0) return cid
  return await translated(`resolve of ${path}`, signal, async () => {
    let last: { readonly cid: Cid; readonly remainder: readonly string[] } | undefined
    for await (const entry of walkPath(`${root}/${rest.join('/')}`, storageOf(source, signal), { signal }))
      last = entry
    if (last === undefined || last.remainder.length > 0) {
      throw new ClusterError(
        'IPFS_REFUSED',
        `resolve of ${path}: it names a part of a block, not a block of its own`,
      )
    }
    return last.cid
  })
}

function storageOf(source: BlockReader, signal: AbortSignal) {
  return {
    get: async function* (cid: Cid): AsyncGenerator<Uint8Array> {
      yield await source.get(cid, signal)
    },
  }
}

async function translated<Value>(
  what: string,
  signal: AbortSignal,
  work: () => Promise<Value> | Value,
): Promise<Value> {
  try {
    return await work()
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    if (cause instanceof ClusterError) throw cause
    throw new ClusterError('IPFS_REFUSED', `${what}: ${messageOf(cause)}`, { cause })
  }
}
