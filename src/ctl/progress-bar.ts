import type { Clock } from '../lib/clock.ts'
import { formatBytes } from './format-units.ts'
import type { Sink } from './output.ts'

/** Shows how far sending has come. Disposing wipes it away. */
export interface ProgressBar extends Disposable {
  /** So many bytes more were read for sending. */
  advance(bytes: number): void
  /** Wipes the bar away until it is drawn again, so that something else can be printed. */
  hide(): void
}

const REDRAW_EVERY_MS = 100
const BAR_CHARACTERS = 24
const LINE_START = '\r\u001B[K'

/** A bar on the terminal; one that shows nothing where there is none. */
export function openProgressBar(
  terminal: Sink | undefined,
  clock: Clock,
  totalBytes: number,
  isColored: boolean,
): ProgressBar {
  if (terminal === undefined) {
    const nothing = () => undefined
    return { advance: nothing, hide: nothing, [Symbol.dispose]: nothing }
  }
  const startMs = clock.monotonic()
  let sentBytes = 0
  let drawnMs = Number.NEGATIVE_INFINITY
  let isDrawn = false
  const hide = () => {
    if (isDrawn) terminal.write(LINE_START)
    isDrawn = false
  }
  return {
    advance(bytes) {
      sentBytes += bytes
      const nowMs = clock.monotonic()
      if (nowMs - drawnMs < REDRAW_EVERY_MS) return
      drawnMs = nowMs
      const line = formatProgress(
        { sentBytes, totalBytes, elapsedMs: nowMs - startMs },
        terminal.columns,
        isColored,
      )
      terminal.write(LINE_START + line)
      isDrawn = true
    },
    hide,
    [Symbol.dispose]: hide,
  }
}

/** What a bar shows. */
export interface Progress {
  readonly sentBytes: number
  readonly totalBytes: number
  readonly elapsedMs: number
}

/** One line of at most `columns` characters: `[######------]  50%  1.0 MB / 2.0 MB  500 kB/s`. */
export function formatProgress(progress: Progress, columns: number, isColored: boolean): string {
  const { sentBytes, totalBytes, elapsedMs } = progress
  const part = totalBytes === 0 ? 1 : Math.min(1, sentBytes / totalBytes)
  const rate = elapsedMs < 1 ? '' : `  ${formatBytes((sentBytes / elapsedMs) * 1000)}/s`
  const figures = `${String(Math.floor(part * 100)).padStart(3)}%  ${formatBytes(sentBytes)} / ${formatBytes(totalBytes)}${rate}`
  if (columns < figures.length + BAR_CHARACTERS + 4) return figures.slice(0, Math.max(0, columns - 1))
  const done = Math.round(part * BAR_CHARACTERS)
  const [full, rest] = ['#'.repeat(done), '-'.repeat(BAR_CHARACTERS - done)]
  return isColored ? `[\u001B[32m${full}\u001B[39m${rest}] ${figures}` : `[${full}${rest}] ${figures}`
}
