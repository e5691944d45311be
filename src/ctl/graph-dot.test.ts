import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatGraph } from './graph-dot.ts'

const graph = {
  cluster_id: 'A',
  id_to_peername: { A: 'a', B: 'b <&>' },
  cluster_links: { A: ['B', 'C'], B: null },
  cluster_trust_links: { A: true, B: true },
  cluster_to_ipfs: { A: 'ia', B: 'ib' },
  ipfs_links: { ia: ['ib', 'stranger'], ib: [] },
}
const lines = (isEveryShown = false) => formatGraph(graph, isEveryShown).split('\n')
const edges = (text: readonly string[]) => text.filter(line => line.includes(' -> '))

test('self, trusted and other peers have letters of their own and are numbered together', () => {
  const text = lines().join('\n')
  assert.match(
    text,
    /^C0 \[label=< <B> a <\/B> <BR\/> <B> A <\/B> > group="A" color="orange" .*peripheries="2" \]$/m,
  )
  assert.match(text, /^T1 .*color="orange".*shape="box3d" \]$/m)
  assert.match(text, /^C2 .*color="darkorange3"/m)
})

test('a linked peer is shown although it has no links of its own, and a missing daemon as an error', () => {
  assert.deepEqual(edges(lines()), [
    'C0 -> T1',
    'C0 -> C2',
    'C0 -> I0',
    'T1 -> I1',
    'C2 -> I2 [ style="dotted" ]',
    'I0 -> I1',
  ])
  assert.match(
    lines().join('\n'),
    /^I2 \[label=< <B> IPFS <\/B> <BR\/> <B> Errored <\/B> > group="C" color="firebrick1"/m,
  )
})

test('IPFS peers of no cluster peer are shown on demand only', () => {
  assert.ok(!formatGraph(graph, false).includes('stranger'))
  assert.ok(edges(lines(true)).includes('I0 -> I2'))
})

test('names cannot break out of their labels', () => {
  assert.ok(formatGraph(graph, false).includes('<B> b &lt;&amp;&gt; </B>'))
})
