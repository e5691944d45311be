import { messageOf } from '../../errors.ts'
import type { Cluster } from '../../interfaces.ts'
import { formatCid } from '../../model/cid.ts'
import type { ProxyExchange } from './exchange.ts'
import { flagOf } from './flag.ts'
import type { KuboReply } from './reply.ts'

/** What the commands on repositories ask. */
export type RepoCluster = Pick<Cluster, 'gc' | 'repoStat'>

/** Kubo's clients fail without these; nobody counts the blocks of a whole cluster. */
const NOT_COUNTED = { NumObjects: 0, RepoPath: '', Version: '' }

/** `repo/stat`: the sum over the peers that answer. */
export async function repoStat(
  cluster: RepoCluster,
  { signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const { sizeBytes, storageMaxBytes } = await cluster.repoStat({ signal })
  await reply.sendJson({ RepoSize: sizeBytes, StorageMax: storageMaxBytes, ...NOT_COUNTED })
}

/** `repo/gc`: collects on every peer. What a peer as a whole failed with is not told, as Kubo has no word for it. */
export async function repoGc(
  cluster: RepoCluster,
  { query, signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const areErrorsStreamed = flagOf(query, 'stream-errors')
  const writer = reply.openLines()
  let failures = ''
  try {
    for await (const { keys } of cluster.gc({ local: false, signal })) {
      for (const { cid, error } of keys) {
        const Key = cid === undefined ? null : { '/': formatCid(cid) }
        const isTold = error !== undefined && areErrorsStreamed
        if (error !== undefined && !areErrorsStreamed) failures += `${error}; `
        const line = JSON.stringify(isTold ? { Key, Error: error } : { Key })
        if (!writer.write(line)) await writer.hasRoom(signal)
      }
      signal.throwIfAborted()
    }
  } catch (thrown) {
    failures += messageOf(thrown)
  }
  reply.endLines(writer, failures.trim())
}
