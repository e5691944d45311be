import type { LogFields, Logger } from '../../src/interfaces.ts'

/** A logger for tests: keeps what was said at `warn` and `error`, shows nothing. */
export interface SilentLogger extends Logger {
  readonly lines: readonly { readonly level: string; readonly message: string; readonly fields: LogFields }[]
}

/** A logger that shows nothing, and keeps what was said at `info` as well. */
export function listeningLogger(): SilentLogger {
  return makeLogger(true)
}

/** A logger that shows nothing. */
export function silentLogger(): SilentLogger {
  return makeLogger(false)
}

function makeLogger(isListening: boolean): SilentLogger {
  const lines: { level: string; message: string; fields: LogFields }[] = []
  const keep =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      if (lines.length < 10_000) lines.push({ level, message, fields })
    }
  const logger: SilentLogger = {
    lines,
    error: keep('error'),
    warn: keep('warn'),
    info: isListening ? keep('info') : () => undefined,
    debug: () => undefined,
    child: () => logger,
  }
  return logger
}
