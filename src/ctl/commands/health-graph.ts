import { writeFile } from 'node:fs/promises'
import { messageOf } from '../../errors.ts'
import type { ConnectGraphJson } from '../../model/graph-json.ts'
import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatGraph } from '../graph-dot.ts'
import { formatMermaid } from '../graph-mermaid.ts'
import { formatSvg } from '../graph-svg.ts'
import { fileOption } from '../shared-options.ts'

/** `health graph` */
export const healthGraph = defineCommand({
  path: ['health', 'graph'],
  summary: 'show who is connected to whom, as a graph in DOT, Mermaid, SVG or JSON',
  details:
    'SVG and Mermaid show conditions, latencies and suspicion, too; of more than 12 peers only the connections that ' +
    'are not as they should be. DOT is what IPFS Cluster writes.',
  options: [
    {
      kind: 'text',
      name: 'format',
      value: 'name',
      default: 'dot',
      summary: 'dot, mermaid, svg or json',
    },
    fileOption,
    {
      kind: 'flag',
      name: 'all-ipfs-peers',
      summary: 'in DOT show IPFS peers that belong to no cluster peer, too',
    },
  ],
  args: '',
  examples: ['health graph', 'health graph --format svg --file graph.svg', 'health graph --format mermaid'],
  async run({ options }, context) {
    const format = FORMATS[options.format]
    if (format === undefined) {
      const message = `"${options.format.slice(0, 40)}" is none of ${Object.keys(FORMATS).join(', ')}`
      throw new CommandError('parsing format', message, { code: 'INVALID_ARGUMENT' })
    }
    const text = await format(await context.client.graph({}, context), options['all-ipfs-peers'])
    if (options.file === '') return context.out.raw(text)
    try {
      await writeFile(options.file, text, { signal: context.signal })
    } catch (cause) {
      throw new CommandError('writing the graph', messageOf(cause), { code: 'REFUSED', cause })
    }
  },
})

type Format = (graph: ConnectGraphJson, isEveryIpfsPeerShown: boolean) => string | Promise<string>

const FORMATS: Readonly<Record<string, Format>> = {
  dot: formatGraph,
  mermaid: graph => formatMermaid(graph),
  svg: graph => formatSvg(graph),
  json: graph => `${JSON.stringify(graph, undefined, 2)}\n`,
}
