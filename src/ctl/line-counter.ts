import type { Clock } from '../lib/clock.ts'
import type { Sink } from './output.ts'

/** Shows how many lines are done. Disposing wipes it away. */
export interface LineCounter extends Disposable {
  /** So many lines are done. */
  show(lines: number): void
  /** Wipes it away until it is drawn again, so that something else can be printed. */
  hide(): void
}

const REDRAW_EVERY_MS = 200
const LINE_START = '\r\u001B[K'

/** A counter on the terminal; one that shows nothing where there is none. */
export function openLineCounter(terminal: Sink | undefined, clock: Clock): LineCounter {
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
    show(lines) {
      const nowMs = clock.monotonic()
      if (nowMs - drawnMs < REDRAW_EVERY_MS) return
      drawnMs = nowMs
      const seconds = Math.max(0.001, (nowMs - startMs) / 1000)
      terminal.write(`${LINE_START}${lines} lines, ${Math.round(lines / seconds)} a second`)
      isDrawn = true
    },
    hide,
    [Symbol.dispose]: hide,
  }
}
