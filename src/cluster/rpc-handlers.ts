import type { Block, RpcHandlers } from '../interfaces.ts'
import type { LocalComponents } from './components.ts'
import { makeIdentify } from './identify.ts'
import { ownLinks } from './links.ts'
import { ownLeft } from './marks/own-left.ts'
import { ownPinset } from './pinsets.ts'
import { makeRebalanceAnswer } from './rebalance/answer-rebalance.ts'

/**
 * What this peer answers to others, each for itself alone. Whether the caller may ask is decided before, by the table of
 * procedures.
 */
export function makeRpcHandlers(components: LocalComponents): RpcHandlers {
  const { tracker, ipfs, rebalance = makeRebalanceAnswer(() => undefined) } = components
  const identify = makeIdentify(components)
  return {
    id: (_input, _from, options) => once(() => identify(options)),
    status: ({ cid }, _from, options) => once(() => tracker.status(cid, options)),
    statuses: ({ filter, range = {} }, _from, { signal }) => tracker.statuses(filter, { range, signal }),
    holds: ({ cids }, _from, options) => once(async () => ({ held: await tracker.holds(cids, options) })),
    noRoom: ({ after }) => once(async () => ({ cids: tracker.noRoom.list(after) })),
    recover: ({ cid }, _from, options) => once(() => tracker.recover(cid, options)),
    recoverAll: (input, _from, { signal }) => tracker.recoverAll({ ...input, signal }),
    summary: (_input, _from, options) => once(() => tracker.summary(options)),
    why: ({ cid }, _from, options) => once(() => tracker.why(cid, options)),
    gc: (_input, _from, options) => ipfs.gc(options),
    links: (_input, _from, options) => once(() => ownLinks(components, options)),
    pinset: () => once(async () => ownPinset(components)),
    repoStat: (_input, _from, options) => once(() => ipfs.repoStat(options)),
    left: (_input, _from, options) => once(() => ownLeft(components, options)),
    rebalance: ({ action }) => once(() => rebalance(action)),
    putBlocks: (blocks, _from, options) =>
      once(async () => {
        const counted = { blocks: 0 }
        await ipfs.putBlocks(count(blocks, counted), options)
        return { blocks: counted.blocks }
      }),
  }
}

async function* once<T>(ask: () => Promise<T>): AsyncGenerator<T> {
  yield await ask()
}

async function* count(blocks: AsyncIterable<Block>, counted: { blocks: number }): AsyncGenerator<Block> {
  for await (const block of blocks) {
    counted.blocks++
    yield block
  }
}
