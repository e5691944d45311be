import { randomBytes } from 'node:crypto'

/** Where chance enters the program. The simulation has a seeded one. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** `length` unpredictable bytes. */
  bytes(length: number): Uint8Array
}

/** Chance from the operating system; `next` is not for secrets. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: length => new Uint8Array(randomBytes(length)),
}
