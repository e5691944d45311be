import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatJson } from '../../lib/json.ts'
import { EXPORT_TYPES, type Pin } from '../../model/pin.ts'
import { toPinJson } from '../../model/pin-json.ts'
import type { Command } from '../command.ts'
import { doing } from '../doing.ts'
import { openState } from '../open-state.ts'

/** Characters that are written in one go. */
const PIECE_CHARACTERS = 64 * 1024

/** Writes the pinset as lines of JSON. */
export const stateExportCommand: Command = {
  name: 'state export',
  summary: 'write the pinset of a peer that does not run',
  description: `Writes every entry of the pinset as a line of JSON, in the format of IPFS Cluster, to standard output or to a file. The daemon
must not run; of a running one, "cluster-ctl state export" gives the same.`,
  flags: [
    { flags: '-f, --file <path>', says: 'write to this file; a part of an export is never left there' },
    {
      flags: '--requests',
      says: 'the requests of the Pinning Service API as well, which only Pinfold reads',
    },
  ],
  examples: [
    'cluster-service state export > pinset.ndjson',
    'cluster-service state export --file pinset.ndjson',
  ],
  async run(input, context) {
    using open = await openState(input, context)
    const { signal } = context
    const pieces = toPieces(open.state.pins(input.has('requests') ? { types: EXPORT_TYPES } : {}, { signal }))
    await doing('exporting state', async () => {
      const file = input.text('file')
      if (file === undefined) await writeAll(context.stdout, pieces)
      else {
        await pipeline(pieces, createWriteStream(`${file}.part`, { mode: 0o644 }), { signal })
        await rename(`${file}.part`, file)
      }
    })
    return 0
  },
}

async function* toPieces(pins: AsyncIterable<Pin>): AsyncIterable<string> {
  let text = ''
  for await (const pin of pins) {
    text += `${formatJson(toPinJson(pin))}\n`
    if (text.length < PIECE_CHARACTERS) continue
    yield text
    text = ''
  }
  if (text !== '') yield text
}

/** Writes without ending the stream, which belongs to the process. */
async function writeAll(target: Writable, pieces: AsyncIterable<string>): Promise<void> {
  for await (const piece of pieces) {
    await new Promise<void>((resolve, reject) => {
      target.write(piece, error => (error ? reject(error) : resolve()))
    })
  }
}
