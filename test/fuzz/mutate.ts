import { concatBytes } from '../../src/lib/bytes.ts'
import type { Random } from '../../src/lib/random.ts'
import { type Token, toBytes, uintToken } from './tokens.ts'

/** Numbers at which things break: ends of byte lengths, of 32 bits and of doubles, limits of the program. */
const NUMBERS = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  63n,
  64n,
  65n,
  127n,
  128n,
  255n,
  256n,
  0xffffn,
  0x10000n,
  99_999n,
  100_000n,
  100_001n,
  1n << 24n,
  (1n << 25n) - 1n,
  (1n << 31n) - 1n,
  1n << 31n,
  (1n << 32n) - 1n,
  1n << 32n,
  1n << 47n,
  1n << 48n,
  (1n << 53n) - 2n,
  (1n << 53n) - 1n,
  1n << 53n,
  1n << 56n,
  (1n << 64n) - 1n,
]

/** Makes hostile inputs of valid ones. The same random numbers make the same inputs. */
export class Mutator {
  readonly #random: Random
  /** Numbers and pieces that mean something elsewhere: client ids of others, foreign CIDs. */
  readonly #numbers: bigint[] = [...NUMBERS]
  readonly #pieces: Uint8Array[] = [new Uint8Array(), new Uint8Array(36), new Uint8Array(600).fill(0xff)]

  constructor(random: Random) {
    this.#random = random
  }

  /** Adds numbers to put where numbers are. */
  learnNumbers(numbers: Iterable<number>): void {
    for (const number of numbers) if (this.#numbers.length < 200) this.#numbers.push(BigInt(number))
  }

  /** Adds pieces to put where bytes are. */
  learnPieces(pieces: Iterable<Uint8Array>): void {
    for (const piece of pieces) if (this.#pieces.length < 200) this.#pieces.push(piece)
  }

  chance(share: number): boolean {
    return this.#random.next() < share
  }

  below(limit: number): number {
    return Math.floor(this.#random.next() * limit)
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('there is nothing to pick from')
    return item
  }

  /** A few changes to the fields of an input; `donor` gives fields to splice in. */
  tokens(input: readonly Token[], donor: readonly Token[]): readonly Token[] {
    let tokens = input
    for (let left = 1 + this.below(3); left > 0; left--) tokens = this.#once(tokens, donor)
    return tokens
  }

  /** Changes that know nothing of fields. */
  bytes(input: Uint8Array): Uint8Array {
    const at = this.below(input.length + 1)
    switch (this.below(6)) {
      case 0:
        return input.slice(0, at)
      case 1:
        return concatBytes([
          input.subarray(0, at),
          this.#random.bytes(1 + this.below(16)),
          input.subarray(at),
        ])
      case 2:
        return concatBytes([
          input.subarray(0, at),
          input.subarray(Math.min(input.length, at + 1 + this.below(8))),
        ])
      case 3:
        return concatBytes([input, input.subarray(at)])
      case 4:
        return this.#random.bytes(this.below(200))
      default: {
        const changed = Uint8Array.from(input)
        for (let left = 1 + this.below(4); left > 0 && changed.length > 0; left--)
          changed[this.below(changed.length)] = this.below(256)
        return changed
      }
    }
  }

  /** One change: in most cases to one field, wherever it is nested, otherwise to the order of fields. */
  #once(tokens: readonly Token[], donor: readonly Token[]): readonly Token[] {
    const at = this.below(tokens.length)
    const token = tokens[at]
    if (token === undefined) return tokens
    if (token.kind === 'sized' && token.tokens.length > 0 && this.chance(0.75)) {
      const inner = this.#once(token.tokens, this.#innerOf(donor))
      return tokens.with(at, { ...token, tokens: inner })
    }
    if (this.chance(0.75)) return tokens.with(at, this.#changed(token))
    const count = 1 + this.below(4)
    const slice = tokens.slice(at, at + count)
    switch (this.below(4)) {
      case 0:
        return tokens.toSpliced(at, count)
      case 1:
        return tokens.toSpliced(
          at,
          0,
          ...Array.from({ length: 1 + this.below(this.chance(0.1) ? 50 : 3) }, () => slice).flat(),
        )
      case 2: {
        const from = this.below(donor.length)
        return tokens.toSpliced(at, this.chance(0.5) ? count : 0, ...donor.slice(from, from + count))
      }
      default: {
        const other = this.below(tokens.length)
        return tokens.with(at, tokens[other] ?? token).with(other, token)
      }
    }
  }

  #innerOf(donor: readonly Token[]): readonly Token[] {
    const nested = donor.filter(token => token.kind === 'sized')
    return nested.length === 0 ? donor : this.pick(nested).tokens
  }

  #changed(token: Token): Token {
    if (token.kind === 'uint') return this.#changedNumber(token.value)
    if (token.kind === 'raw') return { kind: 'raw', bytes: this.#changedBytes(token.bytes) }
    switch (this.below(3)) {
      case 0:
        return { ...token, lie: BigInt(this.below(9) - 4) }
      case 1:
        return { ...token, lie: this.pick(this.#numbers) }
      default:
        return { ...token, tokens: [{ kind: 'raw', bytes: this.#changedBytes(toBytes(token.tokens)) }] }
    }
  }

  #changedNumber(value: bigint): Token {
    const near = value + BigInt(this.below(5) - 2)
    switch (this.below(4)) {
      case 0:
        return uintToken(near < 0n ? 0n : near)
      case 1:
        return { kind: 'uint', value, paddingBytes: 1 + this.below(9) }
      case 2:
        return uintToken(value * 2n)
      default:
        return uintToken(this.pick(this.#numbers))
    }
  }

  #changedBytes(bytes: Uint8Array): Uint8Array {
    return this.chance(0.4) ? this.pick(this.#pieces) : this.bytes(bytes)
  }
}
