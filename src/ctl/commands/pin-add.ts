import { defineCommand } from '../command.ts'
import {
  inKeyOrder,
  metadataOption,
  metadataQuery,
  namingOptions,
  namingQuery,
  parseAllocations,
  placementOptions,
  placementQuery,
  replicationOption,
  replicationOptions,
  replicationQuery,
} from '../pin-options.ts'
import { parsePinPath } from '../pin-path.ts'
import { checkLines, fromOption, type LinesCall, sendLines } from '../send-lines.ts'
import { showChange } from '../show-change.ts'
import { waitOptions } from '../wait-for-status.ts'

/** `pin add` */
export const pinAdd = defineCommand({
  path: ['pin', 'add'],
  summary: 'pin content',
  details:
    'Adds a CID, or what a path leads to, to the pinset; the peers that it is allocated to fetch it from there. ' +
    'Prints the status a second later, since pinning goes on after this command unless --wait is given. With --from, ' +
    'any number of pins is taken from lines: CIDs, or JSON as in "pin ls" and "state export"; the other options go for ' +
    'lines that do not say it themselves.',
  options: [
    replicationOption,
    ...replicationOptions,
    ...placementOptions,
    ...namingOptions,
    {
      kind: 'text',
      name: 'mode',
      value: 'mode',
      default: 'recursive',
      summary: 'recursive, or direct: the block alone',
    },
    metadataOption,
    fromOption,
    ...waitOptions,
  ],
  args: '<CID or path>',
  examples: [
    'pin add QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN',
    'pin add --name site --replication 3 /ipns/docs.ipfs.tech',
    'pin add -r 3 --require region=eu --distinct zone QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN',
    'pin add --name import --replication 2 --from cids.txt',
    'pin add --wait --wait-timeout 5m bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi/readme.md',
  ],
  async run({ options, args }, context) {
    const query = {
      ...namingQuery(options, context.clock.now()),
      ...metadataQuery(options.metadata),
      ...placementQuery(options),
      mode: options.mode === 'direct' ? 'direct' : 'recursive',
      ...replicationQuery(options),
      'shard-size': '0',
      'user-allocations': parseAllocations(options.allocations),
    }
    if (options.from !== '') {
      checkLines(options, args)
      const call: LinesCall = (lines, given) =>
        context.client.pinMany({ lines, query: inKeyOrder(query) }, given)
      return sendLines(options.from, 'pinning', call, context)
    }
    const params = { ...parsePinPath(args[0] ?? '') }
    const pin = await context.client.pinPath({ params, query: inKeyOrder(query) }, context)
    await showChange(pin, 'pinned', options, context)
  },
})
