import type { Writable } from 'node:stream'
import { toJsonLines } from '../../lib/json.ts'
import { writePieces } from '../../lib/write-file.ts'
import { EXPORT_TYPES, type Pin } from '../../model/pin.ts'
import { toPinJson } from '../../model/pin-json.ts'
import type { Command } from '../command.ts'
import { doing } from '../doing.ts'
import { openState } from '../open-state.ts'

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
    const pins = open.state.pins(input.has('requests') ? { types: EXPORT_TYPES } : {}, { signal })
    const pieces = toJsonLines(toDocuments(pins))
    await doing('exporting state', async () => {
      const file = input.text('file')
      if (file === undefined) await writeAll(context.stdout, pieces)
      else await writePieces(file, pieces, 0o644, { signal })
    })
    return 0
  },
}

async function* toDocuments(pins: AsyncIterable<Pin>): AsyncGenerator {
  for await (const pin of pins) yield toPinJson(pin)
}

/** Writes without ending the stream, which belongs to the process. */
async function writeAll(target: Writable, pieces: AsyncIterable<string>): Promise<void> {
  for await (const piece of pieces) {
    await new Promise<void>((resolve, reject) => {
      target.write(piece, error => (error ? reject(error) : resolve()))
    })
  }
}
