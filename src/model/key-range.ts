/** One write of an atomic batch: a value to put, or `undefined` to delete the key. */
export interface StoreWrite {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** Which keys to read: `gte ≤ key < lt` or `gt < key`, in byte order, or its reverse. */
export interface KeyRange {
  readonly gte?: Uint8Array
  readonly gt?: Uint8Array
  readonly lt?: Uint8Array
  readonly limit?: number
  readonly reverse?: boolean
}
