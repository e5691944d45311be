#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { systemClock } from '../lib/clock.ts'
import { systemRandom } from '../lib/random.ts'
import { COMMANDS } from '../service/commands.ts'
import { runService } from '../service/program.ts'
import { listenForStop } from '../service/stop-signals.ts'

const { stdin, stdout, stderr, env: environment } = process
const exitNow = () => process.exit(1)
using stop = listenForStop(process, systemClock, line => void stderr.write(`${line}\n`), exitNow)
process.exitCode = await runService(process.argv.slice(2), COMMANDS, {
  stdin,
  stdout,
  stderr,
  environment,
  clock: systemClock,
  random: systemRandom,
  // Loaded when it is needed: it brings libp2p and everything else.
  openDaemon: async (settings, seams) => (await import('../daemon.ts')).openDaemon(settings, seams),
  openStoredState: async (settings, seams) =>
    (await import('../stored-state.ts')).storedState(settings, seams),
  script: fileURLToPath(import.meta.url),
  signal: stop.signal,
})
