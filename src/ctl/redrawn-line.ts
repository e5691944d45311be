import type { Clock } from '../lib/clock.ts'
import type { Sink } from './output.ts'

/** A line on the terminal that shows how far something has come. Disposing wipes it away. */
export interface RedrawnLine extends Disposable {
  /**
   * Draws the line anew, unless that was done just now. The text is asked for only then: it has at most so many characters,
   * and is told how many milliseconds have gone by since the line was opened.
   */
  show(toText: (charactersMax: number, elapsedMs: number) => string): void
  /** Wipes it away until it is drawn again, so that something else can be printed. */
  hide(): void
}

const LINE_START = '\r\u001B[K'

/** A line that is drawn every `everyMs` at most; one that shows nothing where there is no terminal. */
export function openRedrawnLine(terminal: Sink | undefined, clock: Clock, everyMs: number): RedrawnLine {
  if (terminal === undefined) {
    const nothing = () => undefined
    return { show: nothing, hide: nothing, [Symbol.dispose]: nothing }
  }
  const startMs = clock.monotonic()
  let drawnMs = Number.NEGATIVE_INFINITY
  let isDrawn = false
  const hide = () => {
    if (isDrawn) terminal.write(LINE_START)
    isDrawn = false
  }
  return {
    show(toText) {
      const nowMs = clock.monotonic()
      if (nowMs - drawnMs < everyMs) return
      drawnMs = nowMs
      // A character in the last column would begin the next line, which is not wiped away.
      terminal.write(LINE_START + toText(Math.max(0, terminal.columns - 1), nowMs - startMs))
      isDrawn = true
    },
    hide,
    [Symbol.dispose]: hide,
  }
}
