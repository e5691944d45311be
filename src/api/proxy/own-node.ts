import { ClusterError } from '../../errors.ts'
import type { Cluster, Ipfs } from '../../interfaces.ts'
import { type Cid, formatCid } from '../../model/cid.ts'
import { blockPut } from './block-put.ts'
import type { ProxyExchange } from './exchange.ts'
import { parseIpfsPath } from './ipfs-path.ts'
import type { PaceContext } from './paced-writer.ts'
import type { KuboReply } from './reply.ts'

/** What answering for the node in this process needs. */
export interface OwnNodeParts {
  readonly cluster: Pick<Cluster, 'pin' | 'version'>
  readonly ipfs: Pick<
    Ipfs,
    'id' | 'cat' | 'getBlock' | 'putBlocks' | 'resolve' | 'swarmPeers' | 'swarmConnect'
  >
  readonly context: PaceContext
}

type Answer = (parts: OwnNodeParts, exchange: ProxyExchange, reply: KuboReply) => Promise<void>

const PREFIX = '/api/v0/'
/** The Kubo whose RPC is followed here. */
const KUBO_DIALECT = '0.44.0'
const METHODS = 'OPTIONS, POST'
const COMMANDS: Readonly<Record<string, Answer>> = {
  id,
  version,
  cat,
  resolve,
  'block/get': blockGet,
  'block/stat': blockStat,
  'block/put': blockPut,
  'swarm/peers': swarmPeers,
  'swarm/connect': swarmConnect,
}

/**
 * Answers as Kubo's RPC would for the IPFS node in this process. A command that it does not have is a 501 that says so,
 * and only POST calls one.
 */
export async function answerForOwnNode(
  parts: OwnNodeParts,
  exchange: ProxyExchange,
  path: string,
  reply: KuboReply,
): Promise<void> {
  const { request, response } = exchange
  if (!path.startsWith(PREFIX)) return sendPlain(response, 404, '404 page not found\n')
  if (request.method === 'OPTIONS')
    return void response.writeHead(204, { vary: 'Origin, Access-Control-Request-Method' }).end()
  if (request.method !== 'POST')
    return sendPlain(response, 405, '405 - Method Not Allowed\n', { allow: METHODS })
  const name = path.slice(PREFIX.length)
  const answer = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (answer !== undefined) return await answer(parts, exchange, reply)
  const known = Object.keys(COMMANDS).join(', ')
  const message = `"${name.slice(0, 60)}" needs a Kubo: the IPFS node inside this peer has ${known}, besides the cluster's own commands. Set ipfs_connector.node to "kubo" for all others`
  await reply.sendError(new ClusterError('REFUSED', message), 501)
}

function sendPlain(
  response: ProxyExchange['response'],
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const length = Buffer.byteLength(text)
  response.writeHead(status, {
    ...headers,
    'content-type': 'text/plain; charset=utf-8',
    'content-length': length,
  })
  response.end(text)
}

async function id(
  { cluster, ipfs }: OwnNodeParts,
  { args, signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const self = await ipfs.id({ signal })
  if (args[0] !== undefined && args[0] !== self.id)
    throw new ClusterError('REFUSED', 'only this node itself can be asked for, without an argument')
  const AgentVersion = `pinfold/${cluster.version}`
  await reply.sendJson({ ID: self.id, PublicKey: '', Addresses: self.addresses, AgentVersion, Protocols: [] })
}

/** Clients read this as a version of Kubo and go by it: older ones are spoken to differently. */
async function version({ cluster }: OwnNodeParts, _exchange: ProxyExchange, reply: KuboReply): Promise<void> {
  const Version = `${KUBO_DIALECT}-pinfold.${cluster.version}`
  const System = `${process.arch}/${process.platform}`
  await reply.sendJson({ Version, Commit: '', Repo: '', System, Golang: '' })
}

async function cat({ ipfs }: OwnNodeParts, exchange: ProxyExchange, reply: KuboReply): Promise<void> {
  const { query, signal } = exchange
  const offset = countIn(query, 'offset') ?? 0
  const length = countIn(query, 'length') ?? Number.POSITIVE_INFINITY
  const bytes = ipfs.cat(await cidOf(ipfs, exchange), { signal })
  await reply.sendBytes(slice(bytes, offset, length), signal)
}

function countIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? ''
  if (text === '') return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new ClusterError('INVALID_ARGUMENT', `${name} must be a whole number of bytes`)
}

async function* slice(
  source: AsyncIterable<Uint8Array>,
  offset: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  let at = 0
  for await (const chunk of source) {
    const piece = chunk.subarray(Math.max(0, offset - at), Math.max(0, offset + length - at))
    at += chunk.length
    if (piece.length > 0) yield piece
    if (at >= offset + length) return
  }
}

async function blockGet({ ipfs }: OwnNodeParts, exchange: ProxyExchange, reply: KuboReply): Promise<void> {
  const cid = await cidOf(ipfs, exchange)
  const bytes = await ipfs.getBlock(cid, { signal: exchange.signal })
  await reply.sendBytes(only(bytes), exchange.signal)
}

async function* only<Item>(item: Item): AsyncGenerator<Item> {
  yield item
}

async function blockStat({ ipfs }: OwnNodeParts, exchange: ProxyExchange, reply: KuboReply): Promise<void> {
  const cid = await cidOf(ipfs, exchange)
  const bytes = await ipfs.getBlock(cid, { signal: exchange.signal })
  await reply.sendJson({ Key: formatCid(cid), Size: bytes.length })
}

async function resolve({ ipfs }: OwnNodeParts, exchange: ProxyExchange, reply: KuboReply): Promise<void> {
  await reply.sendJson({ Path: `/ipfs/${formatCid(await cidOf(ipfs, exchange))}` })
}

async function swarmPeers(
  { ipfs }: OwnNodeParts,
  { signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const peers = await ipfs.swarmPeers({ signal })
  await reply.sendJson({ Peers: peers.map(peer => ({ Addr: '', Peer: peer })) })
}

async function swarmConnect(
  { ipfs }: OwnNodeParts,
  { args, signal }: ProxyExchange,
  reply: KuboReply,
): Promise<void> {
  const Strings: string[] = []
  for (const address of args) {
    await ipfs.swarmConnect(address, { signal })
    Strings.push(`connect ${address.split('/').at(-1) ?? ''} success`)
  }
  if (Strings.length === 0) throw new ClusterError('INVALID_ARGUMENT', 'argument "address" is required')
  await reply.sendJson({ Strings })
}

async function cidOf(ipfs: Pick<Ipfs, 'resolve'>, { args, signal }: ProxyExchange): Promise<Cid> {
  const { path, cid } = parseIpfsPath(args[0] ?? '')
  return cid ?? (await ipfs.resolve(path, { signal }))
}
