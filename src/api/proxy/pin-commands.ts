import { ClusterError, messageOf } from '../../errors.ts'
import type { Cluster, Ipfs } from '../../interfaces.ts'
import { mapPages, pagesOf } from '../../lib/pages.ts'
import { type Cid, formatCid, parseCid } from '../../model/cid.ts'
import { NO_OPTIONS, type Pin, type PinOptions } from '../../model/pin.ts'
import type { ProxyExchange } from './exchange.ts'
import { flagOf } from './flag.ts'
import { type IpfsPath, parseIpfsPath } from './ipfs-path.ts'
import type { PacedWriter } from './paced-writer.ts'
import type { KuboReply } from './reply.ts'

/** What the commands on pins ask. */
export interface PinCommandParts {
  readonly cluster: Pick<Cluster, 'pin' | 'unpin' | 'allocation' | 'allocations'>
  readonly ipfs: Pick<Ipfs, 'resolve'>
}

/** Listings up to this length have a `Content-Length`; longer ones go out as they are read. */
const HELD_CHARACTERS_MAX = 64 * 1024

/** `pin/add`: pins every argument, the way the cluster pins by default. Goes on when the client leaves. */
export async function pinAdd(
  { cluster, ipfs }: PinCommandParts,
  { args, query, stopping: signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const options: PinOptions = {
    ...NO_OPTIONS,
    name: query.get('name') ?? '',
    mode: query.get('type') === 'direct' ? 'direct' : 'recursive',
  }
  const pins: string[] = []
  for (const cid of await toCids(ipfs, args, signal))
    pins.push(formatCid((await cluster.pin(cid, { ...options, signal })).cid))
  await reply.sendJson({ Pins: pins })
}

/** `pin/rm`: takes every argument out of the pinset. Goes on when the client leaves. */
export async function pinRm(
  { cluster, ipfs }: PinCommandParts,
  { args, stopping: signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const cids = await toCids(ipfs, args, signal)
  for (const cid of cids) await cluster.allocation(cid)
  for (const cid of cids) await cluster.unpin(cid, { signal })
  await reply.sendJson({ Pins: cids.map(formatCid) })
}

/** All of them before anything is done with the first: one that is bad, or leads nowhere, does not leave half of the work. */
async function toCids(
  ipfs: PinCommandParts['ipfs'],
  args: readonly string[],
  signal: AbortSignal,
): Promise<readonly Cid[]> {
  const paths = (args.length === 0 ? [''] : args).map(text => parseArgument(text, 'Error parsing IPFS Path'))
  const cids = new Map<string, Cid>()
  for (const { path, cid } of paths) {
    const found = cid ?? (await ipfs.resolve(path, { signal }))
    cids.set(formatCid(found), found)
  }
  return [...cids.values()]
}

function parseArgument(text: string, what: string): IpfsPath {
  try {
    return parseIpfsPath(text)
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', `${what}: ${messageOf(cause)}`, { cause })
  }
}

/** `pin/update`: pins the second argument with the options of the first, which is then unpinned unless `unpin=false`. */
export async function pinUpdate(
  { cluster, ipfs }: PinCommandParts,
  { args, query, stopping: signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const [fromText = '', toText = ''] = args
  const isUnpinned = flagOf(query, 'unpin', true)
  for (const [text, name] of [
    [fromText, 'from-path'],
    [toText, 'to-path'],
  ] as const) {
    if (text !== '') continue
    const missing = new ClusterError('INVALID_ARGUMENT', `argument "${name}" is required`)
    return reply.sendError(missing, 400)
  }
  const from = parseArgument(fromText, 'error parsing "from-path" argument')
  const to = parseArgument(toText, 'error parsing "to-path" argument')
  const resolve = async ({ path, cid }: IpfsPath): Promise<Cid> =>
    cid ?? (await ipfs.resolve(path, { signal }))
  const [fromCid, toCid] = [await resolve(from), await resolve(to)]
  await cluster.allocation(fromCid)
  if (!fromCid.equals(toCid)) {
    await cluster.pin(toCid, { ...NO_OPTIONS, pinUpdate: fromCid, signal })
    if (isUnpinned) await cluster.unpin(fromCid, { signal })
  }
  await reply.sendJson({ Pins: [formatCid(fromCid), formatCid(toCid)] })
}

/** `pin/ls`: the whole pinset, or what it says of the arguments. */
export async function pinLs(
  parts: PinCommandParts,
  exchange: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const { args, query, signal } = exchange
  const isStreamed = ['stream', 's'].map(name => flagOf(query, name)).includes(true)
  const named = args.filter(text => text !== '')
  const listed = toListed(query)
  if (named.length === 0) {
    const part = query.get('name') ?? ''
    const pins = mapPages(parts.cluster.allocations({}, { signal }), page =>
      page.filter(({ name }) => name.includes(part)),
    )
    if (!isStreamed) return sendKeys(pins, listed, exchange, reply)
    const toLine = (pin: Pin) => ({ Cid: formatCid(pin.cid), ...listed(pin) })
    return reply.sendLines(
      mapPages(pins, page => page.map(toLine)),
      signal,
    )
  }
  const pins: Pin[] = []
  for (const text of named) pins.push(await pinOf(parts, text))
  if (isStreamed) {
    const lines = pins.map(pin => JSON.stringify({ Cid: formatCid(pin.cid), ...listed(pin) }))
    return reply.sendText(200, lines.join('\n'))
  }
  await reply.sendJson({ Keys: Object.fromEntries(pins.map(pin => [formatCid(pin.cid), listed(pin)])) })
}

/** What a listing says of a pin. */
function toListed(query: URLSearchParams): (pin: Pin) => object {
  const hasNames = flagOf(query, 'names') || (query.get('name') ?? '') !== ''
  return ({ mode, name }) => (hasNames ? { Type: mode, Name: name } : { Type: mode })
}

async function pinOf({ cluster }: PinCommandParts, text: string): Promise<Pin> {
  const cid = parseArgumentCid(text)
  try {
    return await cluster.allocation(cid)
  } catch (cause) {
    if (!(cause instanceof ClusterError) || cause.code !== 'NOT_FOUND') throw cause
    throw new ClusterError('NOT_FOUND', `Error: path '${text}' is not pinned`, { cause })
  }
}

function parseArgumentCid(text: string): Cid {
  try {
    return parseCid(text)
  } catch (cause) {
    throw new ClusterError('INVALID_ARGUMENT', `invalid cid: ${messageOf(cause)}`, { cause })
  }
}

/** One object with a member for each pin, which for a large pinset is never held whole. */
async function sendKeys(
  pins: AsyncIterable<Pin>,
  listed: (pin: Pin) => object,
  { signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  let text = '{"Keys":{'
  let comma = ''
  let writer: PacedWriter | undefined
  for await (const page of pagesOf(pins)) {
    for (const pin of page) {
      text += `${comma}"${formatCid(pin.cid)}":${JSON.stringify(listed(pin))}`
      comma = ','
      if (text.length < HELD_CHARACTERS_MAX) continue
      writer ??= reply.openBody()
      await writer.write(text, signal)
      text = ''
    }
  }
  if (writer === undefined) return reply.sendText(200, `${text}}}`)
  await writer.write(`${text}}}`, signal)
  reply.response.end()
}
