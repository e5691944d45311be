import { messageOf } from '../../errors.ts'
import { defineCommand } from '../command.ts'
import { formatEvent } from '../format-insight.ts'
import { parseCidArgument } from '../pin-path.ts'
import { isFromServer } from '../wait-for-status.ts'

const RETRY_MS = 1000

/** `watch` */
export const watch = defineCommand({
  path: ['watch'],
  summary: 'show what happens, as it happens',
  details:
    'Prints pins that are set and removed, states of CIDs at the peer that answers, peers that join and leave, and alerts, ' +
    'until interrupted. Connects again when the connection breaks, and goes on where it was. With --enc=json, a document an event.',
  options: [
    {
      kind: 'text',
      name: 'kinds',
      value: 'kinds',
      default: '',
      summary: 'comma list of pin, status, peer, alert; without it all',
    },
    { kind: 'text', name: 'cid', value: 'CID', default: '', summary: 'only what is about this CID' },
    {
      kind: 'text',
      name: 'after',
      value: 'id',
      default: '',
      summary: 'go on behind the event of this id, as --enc=json shows it',
    },
  ],
  args: '',
  examples: [
    'watch',
    'watch --kinds pin,peer',
    '--enc json watch --cid QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN',
  ],
  async run({ options }, context) {
    const { client, out, clock, signal } = context
    const cid = options.cid === '' ? '' : parseCidArgument(options.cid, 'parsing cid').toString()
    let after = options.after
    let wasConnected = false
    // An outage is told of once, however often connecting is tried.
    let isOut = false
    for (;;) {
      try {
        for await (const event of client.events({ query: { kinds: options.kinds, cid, after } }, context)) {
          wasConnected = true
          isOut = false
          after = event.id
          if (event.kind !== 'alive') await out.value(event, formatEvent)
        }
      } catch (thrown) {
        signal.throwIfAborted()
        // What is refused, or was never reached, would be so again.
        if (isFromServer(thrown) || !wasConnected) throw thrown
        if (!isOut) await out.note(`connecting again: ${messageOf(thrown)}`)
        isOut = true
      }
      await clock.sleep(RETRY_MS, signal)
    }
  },
})
