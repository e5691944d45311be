import { defineCommand } from '../command.ts'
import { parsePinPath } from '../pin-path.ts'
import { checkLines, fromOption, type LinesCall, sendLines } from '../send-lines.ts'
import { showChange } from '../show-change.ts'
import { waitOptions } from '../wait-for-status.ts'

/** `pin rm` */
export const pinRm = defineCommand({
  path: ['pin', 'rm'],
  summary: 'unpin content',
  details:
    'Takes a CID, or what a path leads to, out of the pinset; every peer lets go of it. With --from, any number of CIDs ' +
    'is taken from lines.',
  options: [fromOption, ...waitOptions],
  args: '<CID or path>',
  examples: ['pin rm QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN', 'pin rm --from cids.txt'],
  async run({ options, args }, context) {
    if (options.from !== '') {
      checkLines(options, args)
      const call: LinesCall = (lines, given) => context.client.unpinMany({ lines }, given)
      return sendLines(options.from, 'unpinning', call, context)
    }
    const params = { ...parsePinPath(args[0] ?? '') }
    const pin = await context.client.unpinPath({ params }, context)
    await showChange(pin, 'unpinned', options, context)
  },
})
