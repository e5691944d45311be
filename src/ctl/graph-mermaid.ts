import type { ConnectGraphJson } from '../model/graph-json.ts'
import { FILLS, IPFS_DOWN_FILL, IPFS_FILL, MEANINGS, TROUBLE } from './graph-colours.ts'
import { type DrawnLink, type DrawnPeer, toDrawing } from './graph-drawing.ts'

/** The graph as a Mermaid flowchart, which many places that show Markdown draw by themselves. */
export function formatMermaid(graph: ConnectGraphJson): string {
  const drawing = toDrawing(graph)
  const troubled = drawing.links.flatMap(({ isTroubled }, at) => (isTroubled ? [at] : []))
  const looks = Object.entries(FILLS).map(
    ([look, fill]) => `  classDef ${look} fill:${fill},stroke:#525252,color:#000`,
  )
  return [
    'flowchart LR',
    ...drawing.notes.map(note => `  %% ${note}`),
    ...drawing.peers.map(vertex),
    ...drawing.links.map(line),
    ...(drawing.isLarge ? [] : drawing.peers.flatMap(ipfsVertex)),
    ...drawing.ipfsLinks.map(([from, to]) => `  ${ipfsName(from)} --- ${ipfsName(to)}`),
    ...looks,
    `  classDef ipfs fill:${IPFS_FILL},stroke:#525252,color:#000`,
    `  classDef down fill:${IPFS_DOWN_FILL},stroke:#525252,color:#000`,
    ...drawing.peers.filter(({ isSelf }) => isSelf).map(({ name }) => `  style ${name} stroke-width:3px`),
    ...drawing.peers
      .filter(({ isTrusted }) => !isTrusted)
      .map(({ name }) => `  style ${name} stroke-dasharray:5 5`),
    ...(troubled.length === 0 ? [] : [`  linkStyle ${troubled.join(',')} stroke:${TROUBLE}`]),
    '',
  ].join('\n')
}

function vertex({ name, title, look, phi, isSelf }: DrawnPeer): string {
  const state =
    phi === undefined || isSelf ? MEANINGS[look] : `${MEANINGS[look]}, φ ${Math.round(phi * 10) / 10}`
  return `  ${name}["${escaped(title)}<br/>${state}"]:::${look}`
}

function line({ from, to, connection, label }: DrawnLink): string {
  const arrow = { both: '<-->', one: '-->', none: '-.-' }[connection]
  return `  ${from} ${arrow}${label === '' ? '' : `|"${escaped(label)}"|`} ${to}`
}

function ipfsVertex({ name, look, ipfs }: DrawnPeer): readonly string[] {
  const isAway = look === 'unreachable' || look === 'gone' || look === 'silent'
  if (isAway && ipfs === undefined) return []
  const node = ipfsName(name)
  return ipfs === undefined
    ? [`  ${name} -.- ${node}[("IPFS down")]:::down`]
    : [`  ${name} --- ${node}[("IPFS ${escaped(ipfs)}")]:::ipfs`]
}

function ipfsName(peerVertex: string): string {
  return `I${peerVertex.slice(1)}`
}

/** Names come from other peers: everything that could end a text or mean something is written as an entity. */
function escaped(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} .,:_*/φ-]/gu, character => `#${character.codePointAt(0) ?? 32};`)
}
