import { defineCommand } from '../command.ts'
import { inKeyOrder, namingOptions, namingQuery } from '../pin-options.ts'
import { parseCidArgument, parsePinPath } from '../pin-path.ts'
import { showChange } from '../show-change.ts'
import { waitOptions } from '../wait-for-status.ts'

/** `pin update` */
export const pinUpdate = defineCommand({
  path: ['pin', 'update'],
  summary: 'pin a new version of pinned content',
  details:
    'The new pin takes options and allocations from the existing one, and the IPFS nodes reuse the blocks that both share. ' +
    'The existing pin stays: remove it with "pin rm" when it is not needed.',
  options: [...namingOptions, ...waitOptions],
  args: '<existing CID> <new CID or path>',
  examples: [
    'pin update QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN QmapoNeQhJxjMDWstx27etyxMNLU4MtkDk8BMfyHRao8P8',
  ],
  async run({ options, args }, context) {
    const existing = parseCidArgument(args[0] ?? '', 'parsing from Cid')
    const query = {
      ...namingQuery(options, context.clock.now()),
      mode: 'recursive',
      'pin-update': existing.toString(),
      'replication-min': '0',
      'replication-max': '0',
      'shard-size': '0',
      'user-allocations': '',
    }
    const params = { ...parsePinPath(args[1] ?? '') }
    const pin = await context.client.pinPath({ params, query: inKeyOrder(query) }, context)
    await showChange(pin, 'pinned', options, context)
  },
})
