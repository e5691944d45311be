import type { Pin } from './pin.ts'

/** For writes that only follow from what stands there: the entries as they were read, one for each new one, in their order. */
export interface Replacing {
  /** An entry that is another by now is left alone; and what a user writes elsewhere at the same time wins. */
  readonly replacing?: readonly Pin[]
}
