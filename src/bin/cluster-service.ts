#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { growSlowly, keepCompiledCode, outputFlushed, restartLean } from '../service/lean-process.ts'

restartLean(process)
growSlowly(process)
keepCompiledCode(process.env)
// Loaded only now, so that they come out of the cache.
const { systemClock } = await import('../lib/clock.ts')
const { systemRandom } = await import('../lib/random.ts')
const { COMMANDS } = await import('../service/commands.ts')
const { runService } = await import('../service/program.ts')
const { listenForStop } = await import('../service/stop-signals.ts')

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
// Everything is closed: timers that libraries leave behind would only put the end off, libp2p's for a second.
await outputFlushed(process)
process.exit()
