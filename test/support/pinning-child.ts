import { join } from 'node:path'
import { openLevel } from '../../src/store/level.ts'
import { openNode } from './embedded-node.ts'
import { sampleBytes, sampleFile, streamOf } from './sample-dag.ts'

// Pins and unpins without end and writes each acknowledged change on a line, until it is killed.
const [folder = '', seed = ''] = process.argv.slice(2)
const options = { signal: new AbortController().signal }
await using store = await openLevel(join(folder, 'pins'))
await using ipfs = await openNode(folder, store)

async function work(worker: number): Promise<void> {
  for (let round = 0; ; round++) {
    const { root, blocks } = await sampleFile(sampleBytes(20_000, `${seed}/${worker}/${round}`))
    await ipfs.putBlocks(streamOf(blocks), options)
    await ipfs.pin(root, 'recursive', options)
    process.stdout.write(`+${root.toString()}\n`)
    if (round % 3 !== 0) continue
    process.stdout.write(`?${root.toString()}\n`)
    await ipfs.unpin(root, options)
    process.stdout.write(`-${root.toString()}\n`)
  }
}

await Promise.all(Array.from({ length: 4 }, (_, worker) => work(worker)))
