import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { ClusterError } from '../../errors.ts'
import { toBulkLines } from '../../model/bulk-lines.ts'
import { parsePeerId } from '../../model/peer.ts'
import { parseEntryLine } from '../../model/pin-line.ts'
import { type Command, type CommandContext, type Input, say } from '../command.ts'
import { doing } from '../doing.ts'
import { openState } from '../open-state.ts'
import { confirm } from '../prompt.ts'

const QUESTION = 'The pinset (state) of this peer will be replaced. Continue?'

/** Puts an export in the place of the pinset. */
export const stateImportCommand: Command = {
  name: 'state import',
  summary: 'put an export in the place of the pinset',
  description: `Replaces the pinset of this peer by the entries of an export, from a file or from standard input. Nothing is changed unless
every line can be imported. What the other peers of the cluster have comes back when the daemon runs: into a cluster that
lives, import with "cluster-ctl state import". The daemon must not run.`,
  argument: { name: '[file]', says: 'what to import; standard input if it is left out, which needs --force' },
  flags: [
    { flags: '-f, --force', says: 'do not ask' },
    { flags: '--rmin, --replication-min <count>', says: 'fewest copies of every entry, when greater than 0' },
    { flags: '--rmax, --replication-max <count>', says: 'most copies of every entry, when greater than 0' },
    {
      flags: '--allocs, --allocations <peers>',
      says: 'peers that keep every entry: peer ids, separated by commas',
    },
  ],
  examples: [
    'cluster-service state import pinset.ndjson',
    'zcat pinset.ndjson.gz | cluster-service state import --force',
  ],
  async run(input, context) {
    const file = input.argument
    if (file !== undefined) await doing('importing state', () => access(file))
    const changes = changesIn(input)
    using open = await openState(input, context)
    if (!(await isAllowed(file, input, context))) return 0
    if (file === undefined) say(context.stdout, 'reading from stdin, Ctrl-D to finish')
    const source = file === undefined ? context.stdin : createReadStream(file)
    const lines = toBulkLines(toBytes(source), parseEntryLine, ({ cid }) => cid)
    const count = await doing('importing state', () =>
      open.state.replace(lines, changes, { signal: context.signal }),
    )
    say(context.stdout, `${count} pins imported`)
    return 0
  },
}

async function isAllowed(
  file: string | undefined,
  input: Input,
  { stdin, stdout }: CommandContext,
): Promise<boolean> {
  if (input.has('force')) return true
  if (file !== undefined) return confirm(QUESTION, stdin, stdout)
  throw new ClusterError(
    'INVALID_ARGUMENT',
    'importing state: the pins come from standard input, so that nobody can be asked: give --force to replace the pinset, or a file',
  )
}

function changesIn(input: Input) {
  const peers = (input.text('allocations') ?? '').split(',').map(text => text.trim())
  return {
    replicationMin: countIn(input, 'replicationMin', '--replication-min'),
    replicationMax: countIn(input, 'replicationMax', '--replication-max'),
    allocations: peers.filter(text => text !== '').map(parsePeerId),
  }
}

function countIn(input: Input, flag: string, shown: string): number {
  const text = input.text(flag) ?? '0'
  if (/^-?\d{1,6}$/.test(text)) return Number(text)
  throw new ClusterError('INVALID_ARGUMENT', `importing state: ${shown} is not a number: "${text}"`)
}

async function* toBytes(source: Readable): AsyncIterable<Uint8Array> {
  for await (const chunk of source) yield Buffer.from(chunk)
}
