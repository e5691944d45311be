import type { ConnectGraphJson } from '../model/graph-json.ts'
import { toPicture } from './graph-picture.ts'

/** A picture of the graph as SVG. Graphviz itself, as WebAssembly, is loaded when it is wanted first. */
export async function formatSvg(graph: ConnectGraphJson): Promise<string> {
  const { Graphviz } = await import('@hpcc-js/wasm-graphviz')
  const { dot, engine } = toPicture(graph)
  return (await Graphviz.load()).layout(dot, 'svg', engine)
}
