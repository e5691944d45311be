import { ClusterError } from '../../errors.ts'
import type { AddedJson } from '../../model/add-json.ts'
import { parsePeerId } from '../../model/peer.ts'
import { type CommandContext, defineCommand, type OptionValues } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatAdded } from '../format.ts'
import {
  inKeyOrder,
  metadataOption,
  metadataQuery,
  namingOptions,
  namingQuery,
  placementOptions,
  placementQuery,
  replicationOptions,
} from '../pin-options.ts'
import { formatProgress } from '../progress-bar.ts'
import { openRedrawnLine } from '../redrawn-line.ts'
import { isFromServer, parseWaitTimeout, waitForStatus } from '../wait-for-status.ts'

const SHARD_BYTES = 104_857_600
const REDRAW_EVERY_MS = 100

const options = [
  { kind: 'flag', name: 'recursive', aliases: ['r'], summary: 'add directories with everything in them' },
  { kind: 'flag', name: 'hidden', aliases: ['H'], summary: 'take files whose name begins with a dot too' },
  {
    kind: 'flag',
    name: 'wrap-with-directory',
    aliases: ['w'],
    summary: 'put a directory around it; always done for several paths',
  },
  { kind: 'flag', name: 'quiet', aliases: ['q'], summary: 'print CIDs only' },
  { kind: 'flag', name: 'quieter', aliases: ['Q'], summary: 'print the last CID only: that of the root' },
  { kind: 'flag', name: 'no-stream', summary: 'print when everything is added' },
  ...namingOptions,
  ...replicationOptions,
  ...placementOptions,
  metadataOption,
  { kind: 'flag', name: 'local', summary: 'put the blocks on the answering peer only' },
  { kind: 'flag', name: 'no-pin', summary: 'put the blocks, but do not pin them' },
  { kind: 'flag', name: 'wait', summary: 'wait until enough peers have pinned it' },
  {
    kind: 'text',
    name: 'wait-timeout',
    aliases: ['wt'],
    value: 'duration',
    default: '',
    summary: 'wait no longer than this',
  },
  {
    kind: 'text',
    name: 'format',
    value: 'format',
    default: 'unixfs',
    summary: 'unixfs, or car: the path is a CAR file whose blocks are taken as they are',
  },
  { kind: 'text', name: 'layout', value: 'layout', default: '', summary: 'balanced (default) or trickle' },
  {
    kind: 'text',
    name: 'chunker',
    aliases: ['s'],
    value: 'chunker',
    default: 'size-262144',
    summary: 'how files are cut: size-<bytes>, rabin, rabin-<min>-<avg>-<max>',
  },
  { kind: 'flag', name: 'raw-leaves', summary: 'leaves are plain bytes; on with CID version 1' },
  {
    kind: 'integer',
    name: 'cid-version',
    value: 'version',
    default: 0,
    summary: 'version of the CIDs: 0 or 1',
  },
  {
    kind: 'text',
    name: 'hash',
    value: 'name',
    default: 'sha2-256',
    summary: 'hash function; others than sha2-256 mean CID version 1',
  },
  { kind: 'flag', name: 'nocopy', summary: 'not supported' },
] as const

type AddOptions = OptionValues<typeof options>

/** `add` */
export const add = defineCommand({
  path: ['add'],
  summary: 'add files to IPFS through the cluster, and pin them',
  details: 'The blocks go to the peers that are to keep them. The last CID printed is that of the root.',
  options,
  args: '<path or URL>...',
  examples: [
    'add report.pdf',
    'add https://example.com/report.pdf',
    'add -r --name site --wait public/',
    'add --format car backup.car',
  ],
  async run({ options: given, args }, context) {
    check(given, args)
    const waitTimeoutMs = parseWaitTimeout(given['wait-timeout'])
    const query = addQuery(given, args.length > 1, context.clock.now())
    if (query['user-allocations'] !== given.allocations) {
      await context.out.note(`allocations: passing over what is no peer id in "${given.allocations}"`)
    }
    const root = await sendAndPrint(given, args, query, context)
    if (given.wait) {
      const limit = await minFactor(root, given['replication-min'], context)
      await waitForStatus({ cid: root, target: 'pinned', limit, timeoutMs: waitTimeoutMs }, context)
    }
  },
})

function check(given: AddOptions, paths: readonly string[]): void {
  if (given.format === 'car' && (given['wrap-with-directory'] || paths.length > 1)) {
    throw new CommandError('', 'only a single CAR file can be added and wrap-with-directory is not supported')
  }
  if (given.nocopy) {
    throw new CommandError('', 'nocopy is not supported: leave it out, and what the URL leads to is copied')
  }
}

type Query = Readonly<Record<string, string>>

function addQuery(given: AddOptions, isSeveral: boolean, nowMs: number): Query {
  const cidVersion = given.hash === 'sha2-256' ? given['cid-version'] : 1
  return inKeyOrder({
    ...namingQuery(given, nowMs),
    ...metadataQuery(given.metadata),
    ...placementQuery(given),
    chunker: given.chunker,
    'cid-version': String(cidVersion),
    format: given.format,
    hash: given.hash,
    hidden: String(given.hidden),
    layout: given.layout,
    local: String(given.local),
    mode: 'recursive',
    'no-pin': String(given['no-pin']),
    nocopy: 'false',
    progress: 'false',
    'raw-leaves': String(given['raw-leaves'] || cidVersion > 0),
    recursive: String(given.recursive),
    'replication-max': String(given['replication-max']),
    'replication-min': String(given['replication-min']),
    shard: 'false',
    'shard-size': String(SHARD_BYTES),
    'stream-channels': 'true',
    'user-allocations': onlyPeerIds(given.allocations),
    'wrap-with-directory': String(given['wrap-with-directory'] || isSeveral),
  })
}

/** Unlike `pin add`, adding goes on without what cannot be decoded, as scripts know it. */
function onlyPeerIds(text: string): string {
  const isPeerId = (part: string) => {
    try {
      return parsePeerId(part) !== ''
    } catch (thrown) {
      if (thrown instanceof ClusterError) return false
      throw thrown
    }
  }
  return text === '' ? '' : text.split(',').filter(isPeerId).join(',')
}

/** Answers with the CID of the root. An answer without one is a failure: a proxy may have kept back what went wrong. */
async function sendAndPrint(
  given: AddOptions,
  paths: readonly string[],
  query: Query,
  context: CommandContext,
): Promise<string> {
  const { lookAt, sizeOf, walkFiles } = await import('../walk-files.ts')
  const walk = { isRecursive: given.recursive, isHidden: given.hidden, signal: context.signal }
  const roots = await lookAt(paths, walk)
  const terminal = given.quiet || given.quieter ? undefined : context.out.terminal
  const totalBytes = terminal === undefined ? 0 : await sizeOf(roots, walk)
  const toText = given.quiet || given.quieter ? (added: AddedJson) => added.cid ?? '' : formatAdded
  const kept: AddedJson[] = []
  using bar = openRedrawnLine(terminal, context.clock, REDRAW_EVERY_MS)
  let sentBytes = 0
  const entries = walkFiles(roots, walk, bytes => {
    sentBytes += bytes
    bar.show((charactersMax, elapsedMs) =>
      formatProgress({ sentBytes, totalBytes, elapsedMs }, charactersMax, context.out.isColored),
    )
  })
  let last: AddedJson | undefined
  for await (const added of context.client.add({ query, entries }, context)) {
    if (added.cid === null) continue
    last = added
    if (given.quieter) continue
    if (given['no-stream']) kept.push(added)
    else {
      bar.hide()
      await context.out.value(added, toText)
    }
  }
  bar.hide()
  if (!last?.cid) {
    throw new CommandError(
      '',
      'the answer names nothing that was added: see the log of the daemon, and whether a proxy before it drops trailers',
    )
  }
  if (given['no-stream'] && !given.quieter) {
    await context.out.value(kept, list => list.map(toText).join('\n'))
  }
  if (given.quieter) await context.out.value(last, toText)
  return last.cid
}

/** How many peers the pin asks for; what this request asked for when the pin cannot be read. */
async function minFactor(hash: string, asked: number, context: CommandContext): Promise<number> {
  try {
    return (await context.client.allocation({ params: { hash } }, context)).replication_factor_min
  } catch (thrown) {
    if (isFromServer(thrown)) return asked
    throw thrown
  }
}
