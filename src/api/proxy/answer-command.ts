import { ClusterError } from '../../errors.ts'
import type { Cluster, Ipfs } from '../../interfaces.ts'
import { add } from './add-command.ts'
import type { Behind } from './behind.ts'
import type { ClusterCommand } from './commands.ts'
import type { ProxyExchange } from './exchange.ts'
import type { PaceContext } from './paced-writer.ts'
import { pinAdd, pinLs, pinRm, pinUpdate } from './pin-commands.ts'
import { KuboReply } from './reply.ts'
import { repoGc, repoStat } from './repo-commands.ts'

/** What answering commands needs. */
export interface CommandParts {
  readonly cluster: Cluster
  readonly ipfs: Pick<Ipfs, 'resolve'>
  readonly context: PaceContext
}

type Answer = (parts: CommandParts, exchange: ProxyExchange, reply: KuboReply) => Promise<void>

const ANSWERS: Readonly<Record<Exclude<ClusterCommand, 'block/put' | 'dag/put'>, Answer>> = {
  'pin/add': pinAdd,
  'pin/rm': pinRm,
  'pin/ls': pinLs,
  'pin/update': pinUpdate,
  add,
  'repo/stat': ({ cluster }, exchange, reply) => repoStat(cluster, exchange, reply),
  'repo/gc': ({ cluster }, exchange, reply) => repoGc(cluster, exchange, reply),
}

/** Answers a command of the cluster. Refusals are told in Kubo's form; what fails later is thrown. */
export async function answerCommand(
  parts: CommandParts,
  behind: Behind,
  exchange: ProxyExchange,
  command: ClusterCommand,
  path: string,
): Promise<void> {
  const headers = await behind.admit(exchange.request, path)
  const server = `ipfs-cluster/ipfsproxy/${parts.cluster.version}`
  const reply = new KuboReply(exchange.response, { ...headers, server }, parts.context)
  try {
    if (command === 'block/put' || command === 'dag/put') await behind.put(command, exchange, reply)
    else await ANSWERS[command](parts, exchange, reply)
  } catch (thrown) {
    const isOver = exchange.response.headersSent || exchange.signal.aborted
    if (isOver || !(thrown instanceof ClusterError)) throw thrown
    await reply.sendError(thrown)
  }
}
