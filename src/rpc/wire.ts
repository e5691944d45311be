import { CID } from 'multiformats/cid'
import { ClusterError } from '../errors.ts'
import type { Cid } from '../model/cid.ts'

/** Longest text in any field, in UTF-16 units. */
const TEXT_MAX = 64 * 1024
const LIST_MAX = 100_000

/** How a value looks in a message: what dag-cbor can carry, without `undefined`. */
export interface Codec<Value> {
  toWire(value: Value): unknown
  /** Throws `INVALID_ARGUMENT` for everything that is not exactly such a value. */
  fromWire(wire: unknown): Value
}

/** Refuses what came over the wire. */
export function refuse(what: string): never {
  throw new ClusterError('INVALID_ARGUMENT', `a message of another peer is not understood: ${what}`)
}

/** A map with text keys, read field by field. Fields that nobody asks for are passed over, so that new ones can be added. */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>
  readonly #what: string

  constructor(wire: unknown, what: string) {
    this.#values = new Map(entriesOf(wire, what))
    this.#what = what
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  keys(): readonly string[] {
    return [...this.#values.keys()]
  }

  raw(key: string): unknown {
    return this.#values.get(key)
  }

  text(key: string): string {
    return asText(this.raw(key), this.#name(key))
  }

  number(key: string): number {
    const value = this.raw(key)
    return typeof value === 'number' && Number.isFinite(value)
      ? value
      : refuse(`${this.#name(key)} is no number`)
  }

  count(key: string): number {
    const value = this.number(key)
    return Number.isSafeInteger(value) && value >= 0 ? value : refuse(`${this.#name(key)} is no count`)
  }

  integer(key: string): number {
    const value = this.number(key)
    return Number.isSafeInteger(value) ? value : refuse(`${this.#name(key)} is no integer`)
  }

  flag(key: string): boolean {
    const value = this.raw(key)
    return typeof value === 'boolean' ? value : refuse(`${this.#name(key)} is neither true nor false`)
  }

  bytes(key: string): Uint8Array {
    const value = this.raw(key)
    return value instanceof Uint8Array ? value : refuse(`${this.#name(key)} is not bytes`)
  }

  cid(key: string): Cid {
    return asCid(this.raw(key), this.#name(key))
  }

  cids(key: string, countMax: number): readonly Cid[] {
    const cids = this.list(key, asCid)
    return cids.length <= countMax ? cids : refuse(`${this.#name(key)} has more than ${countMax} CIDs`)
  }

  /** One of a set of words. */
  oneOf<Word extends string>(key: string, words: readonly Word[]): Word {
    const value = this.text(key)
    return words.find(word => word === value) ?? refuse(`${this.#name(key)} is "${value.slice(0, 40)}"`)
  }

  texts(key: string): readonly string[] {
    return this.list(key, asText)
  }

  list<Item>(key: string, read: (wire: unknown, what: string) => Item): readonly Item[] {
    const value = this.raw(key)
    if (!Array.isArray(value) || value.length > LIST_MAX) refuse(`${this.#name(key)} is no list`)
    return value.map((item: unknown) => read(item, this.#name(key)))
  }

  textMap(key: string): Readonly<Record<string, string>> {
    const map = new Fields(this.raw(key), this.#name(key))
    const pairs = map.keys().map(name => [name, map.text(name)] as const)
    return Object.fromEntries(pairs)
  }

  nested(key: string): Fields {
    return new Fields(this.raw(key), this.#name(key))
  }

  /** What `read` makes of the field, undefined when it is not there. */
  optional<Value>(key: string, read: (key: string) => Value): Value | undefined {
    return this.has(key) ? read(key) : undefined
  }

  #name(key: string): string {
    return `${this.#what}.${key}`
  }
}

/** Keys and values of a map. Only of a map: a byte string would have as many entries as bytes, each costing a hundred. */
export function entriesOf(wire: unknown, what: string): readonly (readonly [key: string, value: unknown])[] {
  if (typeof wire !== 'object' || wire === null || Object.getPrototypeOf(wire) !== Object.prototype)
    refuse(`${what} is not a map`)
  return Object.entries(wire)
}

/** Not `CID.asCID`, which takes any map for a CID whose fields "/" and "bytes" are equal. */
function asCid(value: unknown, what: string): Cid {
  return value instanceof CID ? value : refuse(`${what} is no CID`)
}

function asText(value: unknown, what: string): string {
  return typeof value === 'string' && value.length <= TEXT_MAX ? value : refuse(`${what} is no text`)
}

/** The entries that have a value: dag-cbor knows no `undefined`. */
export function withoutUndefined(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
