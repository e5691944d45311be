import { PassThrough, Readable } from 'node:stream'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import type { CommandContext } from '../../src/service/command.ts'
import { storedState } from '../../src/stored-state.ts'

/** A context for commands under test, and what they wrote. */
export interface TestContext {
  readonly context: CommandContext
  readonly stdout: () => string
  readonly stderr: () => string
}

/** A context whose standard input is the given text, with an empty environment. No daemon can be opened by default. */
export function testContext(given: Partial<CommandContext> = {}, stdin = ''): TestContext {
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() }
  const written = { stdout: '', stderr: '' }
  streams.stdout.on('data', chunk => {
    written.stdout += String(chunk)
  })
  streams.stderr.on('data', chunk => {
    written.stderr += String(chunk)
  })
  return {
    context: {
      stdin: Readable.from(stdin === '' ? [] : [stdin]),
      ...streams,
      environment: {},
      clock: systemClock,
      random: systemRandom,
      openDaemon: () => Promise.reject(new Error('this test opens no daemon')),
      openStoredState: async (settings, seams) => storedState(settings, seams),
      script: '',
      signal: new AbortController().signal,
      ...given,
    },
    stdout: () => written.stdout,
    stderr: () => written.stderr,
  }
}
