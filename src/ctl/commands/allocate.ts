import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatAllocation } from '../format-allocation.ts'
import {
  inKeyOrder,
  metadataOption,
  metadataQuery,
  parseAllocations,
  placementOptions,
  placementQuery,
  replicationOption,
  replicationOptions,
  replicationQuery,
} from '../pin-options.ts'
import { parseCidArgument } from '../pin-path.ts'

/** `allocate` */
export const allocate = defineCommand({
  path: ['allocate'],
  summary: 'show which peers would keep a CID, and why, without pinning it',
  details:
    'Tells of every peer whether it would be chosen, what speaks against it, and the metrics that the decision goes by. ' +
    'Options that are not given are those of the pin, if there is one, else those of the cluster. Nothing is changed: to ' +
    'place a CID anew, pin it.',
  options: [
    { kind: 'flag', name: 'explain', summary: 'must be given: this command only explains' },
    replicationOption,
    ...replicationOptions,
    ...placementOptions,
    metadataOption,
  ],
  args: '<CID>',
  examples: [
    'allocate --explain QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN',
    'allocate --explain -r 3 --require region=eu --distinct zone QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN',
  ],
  async run({ options, args }, context) {
    const [text] = args
    if (text === undefined) throw new CommandError('parsing cid', 'name the CID whose peers are to be found')
    if (!options.explain)
      throw new CommandError(
        '',
        'give --explain to see the decision; "pin add" with the same options carries it out',
      )
    const params = { hash: parseCidArgument(text, 'parsing cid').toString() }
    const query = inKeyOrder({
      ...replicationQuery(options),
      ...placementQuery(options),
      ...metadataQuery(options.metadata),
      'user-allocations': parseAllocations(options.allocations),
    })
    await context.out.value(
      await context.client.explainAllocation({ params, query }, context),
      formatAllocation,
    )
  },
})
