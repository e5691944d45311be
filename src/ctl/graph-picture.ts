import type { ConnectGraphJson } from '../model/graph-json.ts'
import { FILLS, IPFS_DOWN_FILL, IPFS_FILL, LINE, MEANINGS, TROUBLE } from './graph-colours.ts'
import { type Drawing, type DrawnLink, type DrawnPeer, toDrawing } from './graph-drawing.ts'

/** Source of a picture, and the program of Graphviz that lays it out. */
export interface Picture {
  readonly dot: string
  readonly engine: 'neato' | 'osage' | 'fdp'
}

/** The graph for Graphviz, with conditions, latencies and suspicion: more than the text that IPFS Cluster gives. */
export function toPicture(graph: ConnectGraphJson): Picture {
  const drawing = toDrawing(graph)
  const engine = drawing.isLarge ? 'fdp' : 'neato'
  const dot = [
    'digraph cluster {',
    'graph [overlap="prism" splines="true" outputorder="edgesfirst" sep="+12" fontname="Helvetica" bgcolor="white"]',
    'node [fontname="Helvetica" fontsize="11" style="filled" color="#525252"]',
    `edge [fontname="Helvetica" fontsize="9" color="${LINE}" fontcolor="#525252" len="${drawing.isLarge ? 2 : 2.6}"]`,
    ...drawing.peers.flatMap(peer => vertices(peer, drawing.isLarge)),
    ...drawing.links.map(line),
    ...drawing.ipfsLinks.map(
      ([from, to]) => `${ipfsName(from)} -> ${ipfsName(to)} [dir="none" color="#9ecae1"]`,
    ),
    legend(drawing),
    '}',
  ].join('\n')
  return { dot, engine }
}

function vertices(peer: DrawnPeer, isLarge: boolean): readonly string[] {
  const { name, title, look, phi, isSelf, isTrusted, ipfs } = peer
  const state =
    phi === undefined || isSelf ? MEANINGS[look] : `${MEANINGS[look]}, φ ${Math.round(phi * 10) / 10}`
  const words = [title, state, ...(isLarge ? [ipfs === undefined ? 'no IPFS' : ''] : [])].filter(
    word => word !== '',
  )
  const style = isTrusted ? 'filled,rounded' : 'filled,rounded,dashed'
  const cluster = `${name} [shape="box" label=${quoted(words.join('\n'))} style="${style}" fillcolor="${FILLS[look]}" penwidth="${isSelf ? 3 : 1}"]`
  const isAway = look === 'unreachable' || look === 'gone' || look === 'silent'
  if (isLarge || (isAway && ipfs === undefined)) return [cluster]
  const node = ipfsName(name)
  const [label, fill] = ipfs === undefined ? ['IPFS down', IPFS_DOWN_FILL] : [`IPFS ${ipfs}`, IPFS_FILL]
  return [
    cluster,
    `${node} [shape="cylinder" fontsize="9" label=${quoted(label)} fillcolor="${fill}"]`,
    `${name} -> ${node} [dir="none" len="1" ${ipfs === undefined ? `style="dotted" color="${TROUBLE}"` : ''}]`,
  ]
}

function line({ from, to, connection, isTroubled, label }: DrawnLink): string {
  const colour = isTroubled ? `color="${TROUBLE}" fontcolor="${TROUBLE}"` : ''
  const ends = { both: 'dir="both"', one: 'dir="forward"', none: 'dir="none" style="dashed"' }[connection]
  return `${from} -> ${to} [${ends} ${colour} label=${quoted(label)}]`
}

function legend({ notes, isLarge }: Drawing): string {
  const rows = Object.entries(FILLS).map(
    ([look, fill]) =>
      `<TR><TD BGCOLOR="${fill}">    </TD><TD ALIGN="LEFT">${MEANINGS[look as keyof typeof MEANINGS]}</TD></TR>`,
  )
  const words = [
    'thick border: the peer that tells',
    'dashed border: not trusted by it',
    'numbers: what either end sees; φ is suspicion',
    ...(isLarge ? [] : ['pale blue: IPFS nodes']),
    'red: not as it should be; dashed: no connection',
    ...notes,
  ]
  const lines = words.map(text => `<TR><TD COLSPAN="2" ALIGN="LEFT">${text}</TD></TR>`)
  return `legend [shape="plaintext" style="" fontsize="9" label=<<TABLE BORDER="1" COLOR="#bdbdbd" CELLBORDER="0" CELLSPACING="1">${rows.join('')}${lines.join('')}</TABLE>>]`
}

function ipfsName(peerVertex: string): string {
  return `I${peerVertex.slice(1)}`
}

/** A text in quotes; names come from other peers. */
function quoted(text: string): string {
  const safe = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  // Graphviz reads entities in labels.
  return `"${safe.replaceAll('&', '&amp;').replaceAll(/\p{Cc}/gu, ' ')}"`
}
