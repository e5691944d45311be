import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { messageOf } from '../../errors.ts'
import { formatJson } from '../../lib/json.ts'
import type { PinJson } from '../../model/pin-json.ts'
import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { fileOption } from '../shared-options.ts'

/** Characters that are written in one go. */
const PIECE_CHARACTERS = 64 * 1024

/** `state export` */
export const stateExport = defineCommand({
  path: ['state', 'export'],
  summary: 'write the pinset as lines of JSON',
  details:
    'What "state import" of this program or of cluster-service takes. The daemon goes on; with --file nothing is left ' +
    'behind that is not whole.',
  options: [
    fileOption,
    {
      kind: 'flag',
      name: 'requests',
      summary: 'the requests of the Pinning Service API as well, which only Pinfold reads',
    },
  ],
  args: '',
  examples: ['state export > pinset.ndjson', 'state export --file pinset.ndjson'],
  async run({ options: { file, requests } }, context) {
    const pieces = toPieces(
      context.client.exportState(requests ? { query: { requests: 'true' } } : {}, context),
    )
    if (file === '') for await (const piece of pieces) await context.out.raw(piece)
    else await writeWhole(file, pieces, context.signal)
  },
})

async function* toPieces(pins: AsyncIterable<PinJson>): AsyncIterable<string> {
  let text = ''
  for await (const pin of pins) {
    text += `${formatJson(pin)}\n`
    if (text.length < PIECE_CHARACTERS) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}

async function writeWhole(file: string, pieces: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
  const part = `${file}.part`
  const target = createWriteStream(part, { mode: 0o644 })
  const failed = new Promise<never>((_resolve, reject) => {
    target.once('error', cause => reject(new CommandError('writing the export', messageOf(cause), { cause })))
  })
  await Promise.race([pipeline(pieces, target, { signal }), failed])
  await rename(part, file)
}
