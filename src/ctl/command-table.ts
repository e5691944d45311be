import type { Command } from './command.ts'
import { add } from './commands/add.ts'
import { allocate } from './commands/allocate.ts'
import { completion } from './commands/completion.ts'
import { healthAlerts } from './commands/health-alerts.ts'
import { healthBandwidth } from './commands/health-bandwidth.ts'
import { healthGraph } from './commands/health-graph.ts'
import { healthMetrics } from './commands/health-metrics.ts'
import { healthPeers } from './commands/health-peers.ts'
import { healthReplication } from './commands/health-replication.ts'
import { id } from './commands/id.ts'
import { ipfsGc } from './commands/ipfs-gc.ts'
import { listCommands } from './commands/list-commands.ts'
import { peersCordon } from './commands/peers-cordon.ts'
import { peersDrain } from './commands/peers-drain.ts'
import { peersLs } from './commands/peers-ls.ts'
import { peersMaintenance } from './commands/peers-maintenance.ts'
import { peersRm } from './commands/peers-rm.ts'
import { peersUncordon } from './commands/peers-uncordon.ts'
import { pinAdd } from './commands/pin-add.ts'
import { pinLs } from './commands/pin-ls.ts'
import { pinRm } from './commands/pin-rm.ts'
import { pinUpdate } from './commands/pin-update.ts'
import { rebalance } from './commands/rebalance.ts'
import { recover } from './commands/recover.ts'
import { stateExport } from './commands/state-export.ts'
import { stateImport } from './commands/state-import.ts'
import { stateStatus } from './commands/state-status.ts'
import { status } from './commands/status.ts'
import { summary } from './commands/summary.ts'
import { tokenCreate } from './commands/token-create.ts'
import { tokenLs } from './commands/token-ls.ts'
import { tokenRevoke } from './commands/token-revoke.ts'
import { trustAdd } from './commands/trust-add.ts'
import { trustLs } from './commands/trust-ls.ts'
import { trustRm } from './commands/trust-rm.ts'
import { version } from './commands/version.ts'
import { watch } from './commands/watch.ts'
import { why } from './commands/why.ts'
import type { Completable } from './completion.ts'
import { globalOptions } from './global-options.ts'

/** Every command, in the order in which help lists them. */
export const commands: readonly Command[] = [
  id,
  peersLs,
  peersRm,
  add,
  pinAdd,
  pinRm,
  pinUpdate,
  pinLs,
  status,
  recover,
  version,
  healthGraph,
  healthMetrics,
  healthAlerts,
  healthBandwidth,
  ipfsGc,
  summary,
  why,
  allocate,
  watch,
  peersCordon,
  peersUncordon,
  peersDrain,
  peersMaintenance,
  rebalance,
  healthPeers,
  healthReplication,
  stateExport,
  stateImport,
  stateStatus,
  trustLs,
  trustAdd,
  trustRm,
  tokenCreate,
  tokenLs,
  tokenRevoke,
  completion,
  listCommands,
]

/** What the first words of commands with two words stand for. */
export const groups: Readonly<Record<string, string>> = {
  peers: 'list the peers of the cluster, and take care of them',
  pin: 'pin, unpin and list what is pinned',
  health: 'look into the state of the cluster',
  ipfs: 'manage the IPFS nodes',
  state: 'export, import and compare the pinset',
  trust: 'say whose writes are accepted',
  token: 'make, list and revoke API tokens',
}

/** What may stand behind each beginning of a command line. */
export function completable(): readonly Completable[] {
  const shown = commands.filter(({ isHidden }) => isHidden !== true)
  const places = new Set(['', ...shown.map(({ path }) => path.join(' ')), ...Object.keys(groups)])
  return [...places].map(words => {
    const begin = words === '' ? [] : words.split(' ')
    const further = shown.filter(
      ({ path }) => path.length > begin.length && begin.every((word, i) => path[i] === word),
    )
    const next = new Map(
      further.map(({ path, summary }) => {
        const word = path[begin.length] ?? ''
        return [word, path.length === begin.length + 1 ? summary : (groups[word] ?? summary)] as const
      }),
    )
    const options = shown.find(({ path }) => path.join(' ') === words)?.options ?? []
    return { words, next: [...next], options: words === '' ? globalOptions : options }
  })
}

/** Every command line without options, groups included, each after the name of the program. */
export function commandLines(program: string): readonly string[] {
  const lines = new Set<string>()
  for (const { path } of commands) {
    for (let length = 1; length <= path.length; length++) lines.add(path.slice(0, length).join(' '))
  }
  return [...lines, 'help'].map(line => `${program} ${line}`)
}
