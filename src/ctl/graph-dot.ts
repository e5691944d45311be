import type { ConnectGraphJson } from '../model/graph-json.ts'

type Links = Readonly<Record<string, readonly string[] | null>>

/** Attributes that every vertex has, behind its colour. */
const LOOK = 'style="filled" colorscheme="x11" fontcolor="black" fontname="Arial"'

/**
 * The graph in DOT (https://graphviz.org/doc/info/lang.html). IPFS nodes that belong to no cluster peer are left out
 * unless `isEveryIpfsPeerShown`. No line feed at the end.
 */
export function formatGraph(graph: ConnectGraphJson, isEveryIpfsPeerShown: boolean): string {
  const cluster = clusterVertices(graph)
  const ipfs = ipfsVertices(graph, isEveryIpfsPeerShown)
  const clusterIds = [...cluster.keys()]
  const toIpfs = clusterIds.map(id => {
    const node = graph.cluster_to_ipfs[id]
    const isMissing = node === undefined
    const to = ipfs.get(isMissing ? id : node)?.name ?? ''
    return `${cluster.get(id)?.name ?? ''} -> ${to}${isMissing ? ' [ style="dotted" ]' : ''}`
  })
  return [
    'digraph cluster {',
    '/* The nodes of the connectivity graph */',
    '/* The cluster-service peers */',
    ...subgraph('min', cluster),
    '',
    '/* The ipfs peers */',
    ...subgraph('max', ipfs),
    '',
    '/* Edges representing active connections in the cluster */',
    '/* The connections among cluster-service peers */',
    ...edges(graph.cluster_links, cluster),
    '',
    '/* The connections between cluster peers and their ipfs daemons */',
    ...toIpfs,
    '',
    '/* The swarm peer connections among ipfs daemons in the cluster */',
    ...edges(graph.ipfs_links, ipfs),
    '}',
  ].join('\n')
}

interface Vertex {
  readonly name: string
  readonly line: string
}

function clusterVertices(graph: ConnectGraphJson): ReadonlyMap<string, Vertex> {
  const ids = new Set([...Object.keys(graph.cluster_links), ...linked(graph.cluster_links)])
  const vertices = [...ids].sort().map((id, i): [string, Vertex] => {
    const isSelf = id === graph.cluster_id
    const isTrusted = graph.cluster_trust_links[id] === true
    const name = `${isTrusted && !isSelf ? 'T' : 'C'}${i}`
    const peername = escapeHtml(graph.id_to_peername[id] ?? '')
    const color = isSelf || isTrusted ? 'orange' : 'darkorange3'
    const shape = isSelf ? 'shape="box3d" peripheries="2"' : 'shape="box3d"'
    return [id, vertex(name, `<B> ${peername} </B> <BR/> <B> ${shortened(id)} </B>`, id, color, shape)]
  })
  return new Map(vertices)
}

/** By IPFS peer id; the place of a daemon that does not answer stands under the id of its cluster peer. */
function ipfsVertices(graph: ConnectGraphJson, isEveryShown: boolean): ReadonlyMap<string, Vertex> {
  const own = Object.values(graph.cluster_to_ipfs)
  const ids = new Set([
    ...own,
    ...Object.keys(graph.ipfs_links),
    ...(isEveryShown ? linked(graph.ipfs_links) : []),
  ])
  const label = (text: string) => `<B> IPFS </B> <BR/> <B> ${text} </B>`
  const cylinder = 'shape="cylinder"'
  const vertices = [...ids].sort().map((id, i): [string, Vertex] => {
    return [id, vertex(`I${i}`, label(shortened(id)), id, 'turquoise3', cylinder)]
  })
  const clusterIds = new Set([...Object.keys(graph.cluster_links), ...linked(graph.cluster_links)])
  for (const id of [...clusterIds].sort()) {
    if (graph.cluster_to_ipfs[id] !== undefined) continue
    vertices.push([id, vertex(`I${vertices.length}`, label('Errored'), id, 'firebrick1', cylinder)])
  }
  return new Map(vertices)
}

function vertex(name: string, label: string, group: string, color: string, shape: string): Vertex {
  const quoted = group.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  return { name, line: `${name} [label=< ${label} > group="${quoted}" color="${color}" ${LOOK} ${shape} ]` }
}

function subgraph(rank: string, vertices: ReadonlyMap<string, Vertex>): readonly string[] {
  return ['subgraph  {', `rank="${rank}"`, ...[...vertices.values()].map(({ line }) => line), '}']
}

function edges(links: Links, vertices: ReadonlyMap<string, Vertex>): readonly string[] {
  return Object.keys(links)
    .sort()
    .flatMap(from =>
      (links[from] ?? []).flatMap(to => {
        const [start, end] = [vertices.get(from), vertices.get(to)]
        return start === undefined || end === undefined ? [] : [`${start.name} -> ${end.name}`]
      }),
    )
}

function linked(links: Links): readonly string[] {
  return Object.values(links).flatMap(list => list ?? [])
}

function shortened(id: string): string {
  return escapeHtml(id.length <= 8 ? id : `${id.slice(0, 2)}*${id.slice(-6)}`)
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
