import { type DestinationStream, destination, type Logger as PinoLogger, pino } from 'pino'
import type { LogFields, Logger } from '../interfaces.ts'
import { toLoggable } from './log-fields.ts'
import type { LogLevel, LogLevels } from './log-levels.ts'

/** Where log lines go and how they look. */
export interface LoggerConfig {
  readonly levels: LogLevels
  /** `auto` is `pretty` on a terminal and `json` elsewhere; `nocolor` is `pretty` without colours. */
  readonly format: 'auto' | 'json' | 'pretty' | 'nocolor'
}

/** A logger and the end of it. */
export interface OpenLogger extends Disposable {
  readonly logger: Logger
}

const STDERR = 2

/**
 * A logger on standard error, or on the given stream. One JSON object a line, or text for people. Lines are written
 * before the call returns, so that none is lost when the process dies.
 */
export async function openLogger(config: LoggerConfig, stream?: DestinationStream): Promise<OpenLogger> {
  const isTerminal = stream === undefined && process.stderr.isTTY
  const isPretty = config.format === 'auto' ? isTerminal : config.format !== 'json'
  const sink = stream ?? destination({ fd: STDERR, sync: true })
  const output = isPretty ? await prettyStream(sink, isTerminal && config.format !== 'nocolor') : sink
  const root = pino(
    {
      level: config.levels.byDefault,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
    },
    output,
  )
  return {
    logger: toPort(root, config.levels),
    [Symbol.dispose]: () => {
      if ('flushSync' in sink && typeof sink.flushSync === 'function') sink.flushSync()
    },
  }
}

async function prettyStream(sink: DestinationStream, isColoured: boolean): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty')
  const pretty = prettyFactory({
    colorize: isColoured,
    messageFormat: (line, key) => {
      const { component, [key]: message } = line
      return typeof component === 'string' ? `${component}: ${String(message)}` : String(message)
    },
    ignore: 'component',
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
  })
  return { write: line => sink.write(pretty(line)) }
}

function toPort(own: PinoLogger, levels: LogLevels): Logger {
  const say =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (!own.isLevelEnabled(level)) return
      if (fields === undefined) own[level](message)
      else own[level](toLoggable(fields), message)
    }
  return {
    error: say('error'),
    warn: say('warn'),
    info: say('info'),
    debug: say('debug'),
    child: component =>
      toPort(
        own.child({ component }, { level: levels.byComponent.get(component) ?? levels.byDefault }),
        levels,
      ),
  }
}
