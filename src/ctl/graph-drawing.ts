import type { ConnectGraphJson, GraphEdgeJson } from '../model/graph-json.ts'
import type { PeerCondition } from '../model/peer-health.ts'

/** How a peer looks: its condition, or that it lives and yet did not answer. */
export type Look = PeerCondition | 'silent'

/** A peer in a picture. */
export interface DrawnPeer {
  readonly id: string
  /** Name of the vertex. */
  readonly name: string
  readonly title: string
  readonly look: Look
  readonly phi: number | undefined
  readonly isSelf: boolean
  readonly isTrusted: boolean
  /** Its IPFS node; undefined = it does not answer. */
  readonly ipfs: string | undefined
}

/** What there is between two peers, drawn as one line. */
export interface DrawnLink {
  readonly from: string
  readonly to: string
  /** both = each sees the connection, one = only `from` does, none = neither does. */
  readonly connection: 'both' | 'one' | 'none'
  readonly isTroubled: boolean
  readonly label: string
}

/** A picture of a graph: everything of a small one, of a large one only what is not as it should be. */
export interface Drawing {
  readonly peers: readonly DrawnPeer[]
  readonly links: readonly DrawnLink[]
  /** Links between IPFS nodes of different peers, as pairs of vertex names of the peers. */
  readonly ipfsLinks: readonly (readonly [from: string, to: string])[]
  readonly isLarge: boolean
  /** Sentences on what is left out, and on the colours. */
  readonly notes: readonly string[]
}

const SMALL_MAX = 12
/** More lines than that nobody can tell apart, and renderers refuse. */
const LINKS_MAX = 300
const ORDER: readonly PeerCondition[] = ['alive', 'suspect', 'unreachable', 'gone']

/** What to draw of a graph. Also of one of a peer of IPFS Cluster, which tells nothing of conditions and latencies. */
export function toDrawing(graph: ConnectGraphJson): Drawing {
  const ids = Object.keys(graph.cluster_links).sort()
  const peers = ids.map((id, at) => toPeer(graph, id, `P${at}`))
  const isLarge = peers.length > SMALL_MAX
  const all = linksOf(graph, peers)
  const healthy = all.filter(({ isTroubled }) => !isTroubled)
  const wanted = isLarge ? all.filter(({ isTroubled }) => isTroubled) : all
  const links = wanted.slice(0, LINKS_MAX)
  const left = wanted.length - links.length
  return {
    peers,
    links,
    ipfsLinks: isLarge ? [] : ipfsLinksOf(graph, peers),
    isLarge,
    notes: [
      ...(isLarge ? [`${healthy.length} connections that are well are not drawn`] : []),
      ...(left === 0 ? [] : [`${left} more lines are not drawn`]),
    ],
  }
}

function toPeer(graph: ConnectGraphJson, id: string, name: string): DrawnPeer {
  const health = graph.cluster_health?.[id]
  const hasAnswered =
    health === undefined ? graph.id_to_peername[id] !== undefined : health.error === undefined
  const condition = health?.condition ?? (hasAnswered ? 'alive' : 'unreachable')
  const isLiving = condition === 'alive' || condition === 'suspect'
  const peername = graph.id_to_peername[id] ?? ''
  const node = graph.cluster_to_ipfs[id]
  return {
    id,
    name,
    title: peername === '' ? shortened(id) : `${peername} ${shortened(id)}`,
    look: isLiving && !hasAnswered ? 'silent' : condition,
    phi: health?.phi,
    isSelf: id === graph.cluster_id,
    isTrusted: graph.cluster_trust_links[id] === true,
    ipfs: node === undefined ? undefined : shortened(node),
  }
}

function linksOf(graph: ConnectGraphJson, peers: readonly DrawnPeer[]): readonly DrawnLink[] {
  const sights = graph.cluster_edges ?? {}
  const linked = new Map(Object.entries(graph.cluster_links).map(([id, links]) => [id, new Set(links)]))
  const links: DrawnLink[] = []
  peers.forEach((a, at) => {
    for (const b of peers.slice(at + 1)) {
      const [forth, back] = [linked.get(a.id)?.has(b.id) === true, linked.get(b.id)?.has(a.id) === true]
      const seen = [sights[a.id]?.[b.id], sights[b.id]?.[a.id]] as const
      const link = toLink([a, b], [forth, back], seen)
      if (link !== undefined) links.push(link)
    }
  })
  // What is worst is drawn when not all can be.
  return links.sort((a, b) => Number(b.isTroubled) - Number(a.isTroubled))
}

function toLink(
  [a, b]: readonly [DrawnPeer, DrawnPeer],
  [forth, back]: readonly [boolean, boolean],
  seen: readonly [GraphEdgeJson | undefined, GraphEdgeJson | undefined],
): DrawnLink | undefined {
  const isAway = [a, b].some(({ look }) => look === 'unreachable' || look === 'gone')
  // Nobody is connected to who is gone: one line from the peer that tells of it is enough.
  if (isAway && !forth && !back && !a.isSelf && !b.isSelf) return undefined
  const conditions = seen.flatMap(sight => (sight === undefined ? [] : [sight.condition]))
  const worst = Math.max(0, ...conditions.map(condition => ORDER.indexOf(condition)))
  const isDistrusted = seen.some(sight => sight?.trusted === false)
  // How a peer is in the eyes of the one that tells is drawn at the peer; at a line only who sees it otherwise.
  const isSeenOtherwise = [b, a].some((peer, at) => {
    const sight = seen[at]
    if (sight === undefined || peer.look === 'silent') return false
    return sight.condition !== peer.look || (peer.isTrusted && !sight.trusted)
  })
  const isHalfKnown = a.look === 'silent' || b.look === 'silent'
  const connection = forth && back ? 'both' : forth || back ? 'one' : 'none'
  const isTroubled = connection === 'none' || isSeenOtherwise || (connection === 'one' && !isHalfKnown)
  const isTurned = (back && !forth) || (connection === 'none' && b.isSelf)
  const words = [
    pair(
      seen.map(sight => sight?.latency_ms),
      ms => (ms < 10 ? String(Math.round(ms * 10) / 10) : String(Math.round(ms))),
      ' ms',
    ),
    pair(
      seen.map(sight => sight?.phi),
      phi => String(Math.round(phi * 10) / 10),
      '',
    ).replace(/^(?=.)/, 'φ '),
    worst === 0 ? '' : (ORDER[worst] ?? ''),
    isDistrusted ? 'not trusted' : '',
    connection === 'none' ? 'no connection' : '',
  ]
  return {
    from: isTurned ? b.name : a.name,
    to: isTurned ? a.name : b.name,
    connection,
    isTroubled,
    label: words.filter(word => word !== '').join(', '),
  }
}

/** Both values, or the one that there is, or that both are. */
function pair(
  values: readonly (number | undefined)[],
  format: (value: number) => string,
  unit: string,
): string {
  const texts = new Set(values.flatMap(value => (value === undefined ? [] : [format(value)])))
  return texts.size === 0 ? '' : `${[...texts].join(' / ')}${unit}`
}

function ipfsLinksOf(
  graph: ConnectGraphJson,
  peers: readonly DrawnPeer[],
): readonly (readonly [from: string, to: string])[] {
  const ownerOf = new Map(
    peers.flatMap(({ id, name }) => {
      const node = graph.cluster_to_ipfs[id]
      return node === undefined ? [] : [[node, name] as const]
    }),
  )
  const links = new Map<string, readonly [string, string]>()
  for (const [node, linked] of Object.entries(graph.ipfs_links)) {
    for (const other of linked ?? []) {
      const ends = [ownerOf.get(node), ownerOf.get(other)].filter(end => end !== undefined)
      const [from, to] = ends.sort()
      if (from !== undefined && to !== undefined && from !== to) links.set(`${from} ${to}`, [from, to])
    }
  }
  return [...links.values()]
}

function shortened(id: string): string {
  return id.length <= 8 ? id : `${id.slice(0, 2)}*${id.slice(-6)}`
}
