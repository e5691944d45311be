import { ClusterError, messageOf } from '../../errors.ts'
import { toJsonLines } from '../../lib/json.ts'
import { writePieces } from '../../lib/write-file.ts'
import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { fileOption } from '../shared-options.ts'

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
    const pieces = toJsonLines(
      context.client.exportState(requests ? { query: { requests: 'true' } } : {}, context),
    )
    if (file === '') for await (const piece of pieces) await context.out.raw(piece)
    else await writeExport(file, pieces, context.signal)
  },
})

async function writeExport(file: string, pieces: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
  try {
    await writePieces(file, pieces, 0o644, { signal })
  } catch (cause) {
    // What the daemon says is not about writing.
    if (signal.aborted || cause instanceof ClusterError) throw cause
    throw new CommandError('writing the export', messageOf(cause), { cause })
  }
}
