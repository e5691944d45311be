import { ClusterError, type Code } from '../errors.ts'

/** What scripts read from the exit code; the same as the reference's. */
export const EXIT = {
  done: 0,
  /** Wrong usage, a local failure, or no daemon to ask. */
  failed: 1,
  /** The daemon answered with an error. */
  refused: 2,
  unknownCommand: 3,
  /** `--wait` ran out of time. */
  waitedTooLong: 62,
  interrupted: 125,
} as const

/** A failure on this side: shown as `error <doing>: <message>`. */
export class CommandError extends ClusterError {
  readonly doing: string
  readonly exitCode: number
  /** What to do, in lines for people; '' when the message says it. */
  readonly advice: string

  constructor(
    doing: string,
    message: string,
    options: {
      readonly code?: Code
      readonly exitCode?: number
      readonly advice?: string
      readonly cause?: unknown
    } = {},
  ) {
    super(options.code ?? 'INVALID_ARGUMENT', message, { cause: options.cause })
    this.doing = doing
    this.advice = options.advice ?? ''
    this.exitCode = options.exitCode ?? EXIT.failed
  }
}
