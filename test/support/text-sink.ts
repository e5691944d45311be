import type { Sink } from '../../src/ctl/output.ts'

/** Keeps what is written to it. */
export interface TextSink extends Sink {
  readonly text: string
}

/** A sink for tests; `columns` makes it a terminal. */
export function textSink(columns?: number): TextSink {
  let text = ''
  return {
    get text() {
      return text
    },
    write(more) {
      text += more
      return true
    },
    drained: async () => undefined,
    isTerminal: columns !== undefined,
    columns: columns ?? 80,
  }
}
