import type { Random } from '../../src/lib/random.ts'

/** Chance that a seed determines: equal seeds give equal sequences. Not for secrets. Splitmix32, by G. Steele and others. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next32 = () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  return {
    next: () => next32() / 2 ** 32,
    bytes: length => Uint8Array.from({ length }, () => next32() & 255),
  }
}
