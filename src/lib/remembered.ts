/**
 * Makes a function remember what it made of each key. When `max` are kept it begins anew; an undefined result is not kept. For
 * what is asked for again and again with a few keys, some of which may come from strangers.
 */
export function remembered<Key, Value>(make: (key: Key) => Value, max: number): (key: Key) => Value {
  const kept = new Map<Key, Value>()
  return key => {
    const known = kept.get(key)
    if (known !== undefined) return known
    const value = make(key)
    if (value === undefined) return value
    if (kept.size >= max) kept.clear()
    kept.set(key, value)
    return value
  }
}

/** The same for the last key alone: for what is asked for many times in a row. */
export function rememberLast<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  let last: { readonly key: Key; readonly value: Value } | undefined
  return key => {
    if (last === undefined || last.key !== key) last = { key, value: make(key) }
    return last.value
  }
}
