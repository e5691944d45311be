import { writeFile } from 'node:fs/promises'
import { messageOf } from '../../errors.ts'
import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'
import { formatGraph } from '../graph-dot.ts'

/** `health graph` */
export const healthGraph = defineCommand({
  path: ['health', 'graph'],
  summary: 'show who is connected to whom, as a graph in DOT',
  details: 'Make a picture of it with Graphviz: … health graph | dot -Tsvg > graph.svg',
  options: [
    {
      kind: 'text',
      name: 'file',
      aliases: ['f'],
      value: 'path',
      default: '',
      summary: 'write to this file, not to standard output',
    },
    { kind: 'flag', name: 'all-ipfs-peers', summary: 'show IPFS peers that belong to no cluster peer too' },
  ],
  args: '',
  examples: ['health graph', 'health graph --file graph.dot'],
  async run({ options }, context) {
    const graph = await context.client.graph({}, context)
    const text = formatGraph(graph, options['all-ipfs-peers'])
    if (options.file === '') return context.out.raw(text)
    try {
      await writeFile(options.file, text, { signal: context.signal })
    } catch (cause) {
      throw new CommandError('writing the graph', messageOf(cause), { code: 'REFUSED', cause })
    }
  },
})
