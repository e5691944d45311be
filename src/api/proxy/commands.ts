/** Commands of Kubo's RPC that the cluster answers itself (http.md 3.1). */
export const CLUSTER_COMMANDS = [
  'pin/add',
  'pin/rm',
  'pin/ls',
  'pin/update',
  'add',
  'repo/stat',
  'repo/gc',
  'block/put',
  'dag/put',
] as const
export type ClusterCommand = (typeof CLUSTER_COMMANDS)[number]

/** A command of the cluster, and the argument that stands in the path. */
export interface CommandTarget {
  readonly command: ClusterCommand
  readonly pathArgument: string | undefined
}

const PREFIX = '/api/v0/'
const METHODS: ReadonlySet<string> = new Set(['POST', 'GET', 'PUT'])
const WITH_ARGUMENT = /^(pin\/(?:add|rm|ls))\/([^/]+)$/

/**
 * What the cluster is to answer; undefined for everything that is the node's. `path` is without its query and decoded, as
 * Kubo reads it.
 */
export function commandOf(method: string, path: string, query: URLSearchParams): CommandTarget | undefined {
  if (!METHODS.has(method) || !path.startsWith(PREFIX)) return undefined
  const rest = path.slice(PREFIX.length)
  const [, before, pathArgument] = WITH_ARGUMENT.exec(rest) ?? []
  const command = CLUSTER_COMMANDS.find(name => name === (before ?? rest))
  if (command === undefined) return undefined
  const isPut = command === 'block/put' || command === 'dag/put'
  return isPut && query.get('pin') !== 'true' ? undefined : { command, pathArgument }
}
