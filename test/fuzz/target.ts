import type { Code } from '../../src/errors.ts'
import type { Random } from '../../src/lib/random.ts'

/** What became of one input. `dropped` = silently passed over, as gossip is. */
export type Outcome = 'accepted' | 'dropped' | Code

/** Something that reads foreign bytes, with everything that must hold whatever they are. */
export interface Target {
  readonly name: string
  /** Share of the inputs of a run. */
  readonly weight: number
  open(random: Random): Promise<Session>
}

/** A target at work. */
export interface Session extends AsyncDisposable {
  /** Makes one input and feeds it. Throws when something is thrown that must not be, or a property does not hold. */
  feed(): Promise<Outcome>
  /** Checks what is too dear to check after every input; called every few hundred and at the end. */
  check(): Promise<void>
}
