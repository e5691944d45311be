// Heap that the items of a partition's document take while it is loaded. A table on stdout.
// usage: node --expose-gc bench/document-heap.ts [ITEMS=20000]

import { PartitionDocument } from '../src/consensus/partition-document.ts'
import { encodeItem, encodeRecord } from '../src/consensus/record.ts'
import { encodeChange } from '../src/consensus/update.ts'
import { toPin } from '../src/model/pin.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'

const itemsCount = Number(process.argv[2] ?? 20_000)
const { gc } = globalThis
if (gc === undefined) throw new Error('run with --expose-gc')

function heap(): number {
  gc?.()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}

const rows = [100, 1000, itemsCount].map(perDocument => {
  const documents: PartitionDocument[] = []
  const updates = Array.from({ length: Math.ceil(itemsCount / perDocument) }, (_, index) => {
    const values = Array.from({ length: perDocument }, (_value, at) => {
      const pin = toPin(numberedCid(index * perDocument + at), { name: `pin ${at}` })
      return encodeItem(pin.cid.bytes, encodeRecord({ time: { ms: 1, count: 0 }, pin }))
    })
    return encodeChange({ client: 2 ** 50, fromClock: 0, values, deletes: [] })
  })
  const before = heap()
  for (const update of updates) {
    const document = new PartitionDocument(0, () => 0)
    document.apply([update])
    documents.push(document)
  }
  const bytes = heap() - before
  const guess = documents.reduce((sum, document) => sum + document.heapBytes, 0)
  return {
    'items a document': perDocument,
    documents: documents.length,
    'bytes an item': Math.round(bytes / itemsCount),
    'counted as': Math.round(guess / itemsCount),
  }
})
console.table(rows)
