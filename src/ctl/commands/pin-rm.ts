import { defineCommand } from '../command.ts'
import { parsePinPath } from '../pin-path.ts'
import { showChange } from '../show-change.ts'
import { waitOptions } from '../wait-for-status.ts'

/** `pin rm` */
export const pinRm = defineCommand({
  path: ['pin', 'rm'],
  summary: 'unpin content',
  details: 'Takes a CID, or what a path leads to, out of the pinset; every peer lets go of it.',
  options: waitOptions,
  args: '<CID or path>',
  examples: ['pin rm QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'],
  async run({ options, args }, context) {
    const params = { ...parsePinPath(args[0] ?? '') }
    const pin = await context.client.unpinPath({ params }, context)
    await showChange(pin, 'unpinned', options, context)
  },
})
