import { loadSettings, type RunFlags } from '../../config/load.ts'
import { lockFolder } from '../../config/lock.ts'
import { configFolder, pathsIn } from '../../config/paths.ts'
import { toPeerAddress } from '../../config/peerstore-file.ts'
import { ClusterError, messageOf } from '../../errors.ts'
import { type Command, type CommandContext, type Input, logLevelOf, type RunningDaemon } from '../command.ts'
import { doing } from '../doing.ts'

/** Runs a peer until it is asked to stop. */
export const daemonCommand: Command = {
  name: 'daemon',
  summary: 'run the peer',
  description: `Runs the peer of this folder until it gets SIGINT, SIGTERM or SIGHUP; the second signal ends it at once. Only one daemon can
run in a folder. Environment variables (CLUSTER_<SECTION>_<KEY>) go before service.json, flags go before both. Log lines
go to standard error: text on a terminal, JSON elsewhere.`,
  flags: [
    {
      flags: '-j, --bootstrap <addresses>',
      says: 'multiaddrs of peers to join, with commas, each ending in /p2p/<peer id>; they are trusted in this run',
    },
    { flags: '--no-trust', says: 'do not trust the peers of --bootstrap' },
    { flags: '--stats', says: 'serve metrics to Prometheus (observations.metrics.enable_stats)' },
    { flags: '--tracing', says: 'send traces (observations.tracing.enable_tracing)' },
    { flags: '-u, --upgrade', says: 'accepted for the sake of existing scripts; without effect' },
    { flags: '-x, --leave', says: 'set leave_on_shutdown for this run', isHidden: true },
  ],
  examples: [
    'cluster-service daemon',
    'cluster-service -c ~/peer2 daemon --bootstrap /ip4/10.0.0.1/tcp/9096/p2p/12D3KooW…',
  ],
  run,
}

async function run(input: Input, context: CommandContext): Promise<number> {
  const flags = runFlags(input)
  const paths = pathsIn(configFolder(input.text('config'), context.environment))
  using _lock = await doing('obtaining execution lock', () => lockFolder(paths.lock))
  const { environment, signal, clock, random } = context
  const settings = await doing('loading configurations', () =>
    loadSettings({ folder: paths.folder, environment, flags, signal }),
  )
  const daemon = await doing('starting cluster', () => context.openDaemon(settings, { clock, random }))
  await untilStopped(daemon, signal)
  return 0
}

/** Waits for the request to stop, or for the peer to give up, and ends the peer in good order either way. */
async function untilStopped(daemon: RunningDaemon, signal: AbortSignal): Promise<void> {
  const failed = await Promise.race([stopOf(signal), failureOf(daemon)])
  await doing('stopping cluster', () => daemon[Symbol.asyncDispose]())
  if (failed !== undefined) await doing('starting cluster', () => Promise.reject(failed.thrown))
}

function stopOf(signal: AbortSignal): Promise<undefined> {
  return new Promise(resolve => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

/** Resolves only if the peer does not become ready. */
function failureOf(daemon: RunningDaemon): Promise<{ readonly thrown: unknown }> {
  return new Promise(resolve => {
    daemon.ready.catch((thrown: unknown) => resolve({ thrown }))
  })
}

function runFlags(input: Input): RunFlags {
  return {
    bootstrap: (input.text('bootstrap') ?? '')
      .split(',')
      .map(word => word.trim())
      .filter(word => word !== '')
      .map(toBootstrapAddress),
    isBootstrapTrusted: !input.has('noTrust'),
    hasStats: input.has('stats'),
    hasTracing: input.has('tracing'),
    leavesOnShutdown: input.has('leave'),
    logLevel: logLevelOf(input),
  }
}

function toBootstrapAddress(text: string): string {
  try {
    return toPeerAddress(text)
  } catch (cause) {
    throw new ClusterError(
      'INVALID_ARGUMENT',
      `parsing bootstrap multiaddress (${text}): ${messageOf(cause)}`,
      { cause },
    )
  }
}
