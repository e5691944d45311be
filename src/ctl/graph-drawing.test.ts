import assert from 'node:assert/strict'
import test from 'node:test'
import type { ConnectGraphJson, GraphEdgeJson } from '../model/graph-json.ts'
import { toDrawing } from './graph-drawing.ts'
import { formatMermaid } from './graph-mermaid.ts'
import { formatSvg } from './graph-svg.ts'

const EDGE: GraphEdgeJson = { connected: true, condition: 'alive', phi: 0.1, trusted: true, latency_ms: 12 }

/** A full mesh of so many peers, every one well; the first tells. */
function mesh(count: number) {
  const ids = Array.from({ length: count }, (_, at) => `12D3KooWpeer${String(at).padStart(3, '0')}`)
  const others = (id: string) => ids.filter(other => other !== id)
  const byId = <Value>(make: (id: string, at: number) => Value) =>
    Object.fromEntries(ids.map((id, at) => [id, make(id, at)] as const))
  const graph = {
    cluster_id: ids[0] ?? '',
    id_to_peername: byId((_id, at) => `name${at}`),
    cluster_links: byId(others),
    cluster_trust_links: byId(() => true),
    cluster_to_ipfs: byId(id => `ipfs-${id}`),
    ipfs_links: {},
    cluster_health: byId(() => ({ condition: 'alive' as const, phi: 0.1, heard_at: '2026-01-01T00:00:00Z' })),
    cluster_edges: byId(id => Object.fromEntries(others(id).map(other => [other, EDGE] as const))),
  }
  return { ids, graph: graph satisfies ConnectGraphJson }
}

test('a small graph shows every connection with what both ends see of it', () => {
  const { graph, ids } = mesh(3)
  const [first = '', second = ''] = ids
  const slow = { ...EDGE, latency_ms: 80.4, phi: 1.26 }
  const edges = { ...graph.cluster_edges, [second]: { ...graph.cluster_edges[second], [first]: slow } }
  const { links, notes } = toDrawing({ ...graph, cluster_edges: edges })
  assert.deepEqual(
    links.map(({ label, connection }) => `${connection} ${label}`),
    ['both 12 / 80 ms, φ 0.1 / 1.3', 'both 12 ms, φ 0.1', 'both 12 ms, φ 0.1'],
  )
  assert.deepEqual(notes, [])
})

test('of a large graph only what is not as it should be is drawn, and how much is left out is said', () => {
  const { graph, ids } = mesh(100)
  const [first = '', second = '', third = ''] = ids
  const links = { ...graph.cluster_links, [second]: ids.filter(id => id !== second && id !== third) }
  const drawing = toDrawing({ ...graph, cluster_links: links })
  assert.deepEqual(
    drawing.links.map(({ from, to, connection }) => `${from} ${connection} ${to}`),
    ['P2 one P1'],
  )
  assert.deepEqual(drawing.notes, ['4949 connections that are well are not drawn'])
  assert.equal(drawing.peers.length, 100)
  const lonely = { ...graph, cluster_links: Object.fromEntries(ids.map(id => [id, []] as const)) }
  assert.equal(toDrawing(lonely).links.length, 300)
  assert.ok(drawing.peers[0]?.isSelf && drawing.peers[0].id === first)
})

test('a peer that is gone is drawn once, tied to the one that tells, and one that did not answer says so', () => {
  const { graph, ids } = mesh(4)
  const [first = '', second = '', third = ''] = ids
  const gone = { condition: 'gone' as const, phi: 99, heard_at: '2026-01-01T00:00:00Z' }
  const health = {
    ...graph.cluster_health,
    [second]: gone,
    [third]: { ...gone, condition: 'alive' as const, error: 'it did not answer' },
  }
  const without = (id: string) => ids.filter(other => other !== id && other !== second)
  const links = Object.fromEntries(ids.map(id => [id, id === second || id === third ? [] : without(id)]))
  const seesGone = { ...EDGE, connected: false, condition: 'gone' as const, phi: 99 }
  const edges = { [first]: { ...graph.cluster_edges[first], [second]: seesGone } }
  const drawing = toDrawing({ ...graph, cluster_health: health, cluster_links: links, cluster_edges: edges })
  assert.deepEqual(
    drawing.peers.map(({ look }) => look),
    ['alive', 'gone', 'silent', 'alive'],
  )
  const toGone = drawing.links.filter(({ from, to }) => from === 'P1' || to === 'P1')
  assert.deepEqual(
    toGone.map(({ from, to, connection }) => `${from} ${connection} ${to}`),
    ['P0 none P1'],
  )
  assert.ok(!drawing.links.some(({ from, to, isTroubled }) => isTroubled && [from, to].includes('P2')))
})

test('a graph of IPFS Cluster, which says less, is drawn with what it says', () => {
  const { graph } = mesh(3)
  const { cluster_health: _health, cluster_edges: _edges, ...theirs } = graph
  const { peers, links } = toDrawing(theirs)
  assert.deepEqual(
    peers.map(({ look, phi }) => [look, phi]),
    [
      ['alive', undefined],
      ['alive', undefined],
      ['alive', undefined],
    ],
  )
  assert.ok(links.every(({ label, isTroubled }) => label === '' && !isTroubled))
})

test('names that mean something to Mermaid, Graphviz or browsers are only names', async () => {
  const { graph, ids } = mesh(2)
  const evil = '"]; click P0 <script>alert(1)</script> & |\n\\N'
  const named = { ...graph, id_to_peername: { ...graph.id_to_peername, [ids[1] ?? '']: evil } }
  const mermaid = formatMermaid(named)
  assert.ok(!mermaid.includes('<script') && !mermaid.includes('"];'))
  assert.equal(mermaid.split('\n').filter(line => line.includes('alert')).length, 1)
  const svg = await formatSvg(named)
  assert.ok(svg.includes('&lt;script') && !svg.includes('<script'))
  assert.ok(svg.includes('name0'))
})

test('a large graph becomes an SVG in which every peer stands', async () => {
  const { graph } = mesh(100)
  const svg = await formatSvg(graph)
  for (let at = 0; at < 100; at++) assert.ok(svg.includes(`name${at} `), `name${at}`)
  assert.match(svg, /4950 connections that are well are not drawn/)
})
