import type { Command } from './command.ts'
import { daemonCommand } from './commands/daemon.ts'
import { idCommand } from './commands/id.ts'
import { initCommand } from './commands/init.ts'
import { quickStartCommand } from './commands/quick-start.ts'
import { stateCleanupCommand } from './commands/state-cleanup.ts'
import { stateExportCommand } from './commands/state-export.ts'
import { stateImportCommand } from './commands/state-import.ts'
import { versionCommand } from './commands/version.ts'

/** Every command of cluster-service, in the order of its help. */
export const COMMANDS: readonly Command[] = [
  quickStartCommand,
  initCommand,
  daemonCommand,
  idCommand,
  stateExportCommand,
  stateImportCommand,
  stateCleanupCommand,
  versionCommand,
]

/** What the first words of commands with two words stand for. */
export const GROUPS: Readonly<Record<string, string>> = {
  state: 'export, import or remove the pinset of a peer that does not run',
}
