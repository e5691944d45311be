import type { Command } from './command.ts'
import { daemonCommand } from './commands/daemon.ts'
import { idCommand } from './commands/id.ts'
import { initCommand } from './commands/init.ts'
import { quickStartCommand } from './commands/quick-start.ts'
import { versionCommand } from './commands/version.ts'

/** Every command of cluster-service, in the order of its help. */
export const COMMANDS: readonly Command[] = [
  quickStartCommand,
  initCommand,
  daemonCommand,
  idCommand,
  versionCommand,
]
