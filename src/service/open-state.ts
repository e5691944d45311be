import { loadSettings } from '../config/load.ts'
import { lockFolder } from '../config/lock.ts'
import { configFolder, pathsIn } from '../config/paths.ts'
import type { Logger } from '../interfaces.ts'
import type { StoredState } from '../stored-state.ts'
import { type CommandContext, type Input, logLevelOf, say } from './command.ts'
import { doing } from './doing.ts'

/** The pinset of the peer in the folder, which is locked until disposed: its daemon must not run. */
export interface OpenState extends Disposable {
  readonly state: StoredState
}

/** Locks the folder that the input names and opens its pinset. */
export async function openState(input: Input, context: CommandContext): Promise<OpenState> {
  using stack = new DisposableStack()
  const { environment, signal, clock, random } = context
  const paths = pathsIn(configFolder(input.text('config'), environment))
  stack.use(await doing('obtaining execution lock', () => lockFolder(paths.lock)))
  const flags = {
    bootstrap: [],
    isBootstrapTrusted: false,
    hasStats: false,
    hasTracing: false,
    leavesOnShutdown: false,
    logLevel: logLevelOf(input),
  }
  const settings = await doing('loading configurations', () =>
    loadSettings({ folder: paths.folder, environment, flags, signal }),
  )
  const state = await context.openStoredState(settings, { clock, random, logger: loggerTo(context) })
  const held = stack.move()
  return { state, [Symbol.dispose]: () => held.dispose() }
}

/** Only what somebody has to act upon: everything else is for a peer that lives on. */
function loggerTo({ stderr }: Pick<CommandContext, 'stderr'>): Logger {
  const error: Logger['error'] = message => say(stderr, message)
  const silent = () => undefined
  const logger: Logger = { error, warn: silent, info: silent, debug: silent, child: () => logger }
  return logger
}
