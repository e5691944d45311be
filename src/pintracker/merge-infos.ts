import { compareBytes } from '../lib/bytes.ts'
import type { PinInfo } from '../model/pin-status.ts'

/** Two sequences of states, each in order of CID bytes, in one: many in pages, and a few singly. */
export async function* inOrderOfCids(
  pages: AsyncIterable<readonly PinInfo[]>,
  few: AsyncIterable<PinInfo>,
): AsyncGenerator<readonly PinInfo[]> {
  const rest = few[Symbol.asyncIterator]()
  let next = await rest.next()
  try {
    for await (const page of pages) {
      const merged: PinInfo[] = []
      for (const info of page) {
        while (next.done !== true && compareBytes(next.value.cid.bytes, info.cid.bytes) < 0) {
          merged.push(next.value)
          next = await rest.next()
        }
        merged.push(info)
      }
      yield merged
    }
    for (; next.done !== true; next = await rest.next()) yield [next.value]
  } finally {
    await rest.return?.()
  }
}
