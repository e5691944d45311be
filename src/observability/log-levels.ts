import { ClusterError } from '../errors.ts'

/** Levels, from the most to the least urgent. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Parts of a peer whose level can be set apart. */
export const LOG_COMPONENTS = [
  'add',
  'alerts',
  'allocator',
  'audit',
  'cluster',
  'config',
  'consensus',
  'events',
  'ipfs',
  'ipfsproxy',
  'monitor',
  'network',
  'observations',
  'pinsvcapi',
  'pintracker',
  'restapi',
  'rpc',
  'service',
  'store',
  'webhooks',
] as const
export type LogComponent = (typeof LOG_COMPONENTS)[number]

/** Which level holds for which part. */
export interface LogLevels {
  readonly byDefault: LogLevel
  readonly byComponent: ReadonlyMap<string, LogLevel>
}

/** What existing start scripts call the parts (the reference's logging facilities). */
const COMPONENT_ALIASES: Readonly<Record<string, LogComponent>> = {
  adder: 'add',
  api: 'restapi',
  apitypes: 'restapi',
  badger: 'store',
  badger3: 'store',
  crdt: 'consensus',
  diskinfo: 'monitor',
  dsstate: 'consensus',
  ipfshttp: 'ipfs',
  ipfsproxylog: 'ipfsproxy',
  'libp2p-raft': 'consensus',
  numpin: 'monitor',
  observability: 'observations',
  optracker: 'pintracker',
  'p2p-gorpc': 'rpc',
  pebble: 'store',
  pinqueue: 'monitor',
  pinsvcapilog: 'pinsvcapi',
  pstoremgr: 'network',
  raft: 'consensus',
  raftlib: 'consensus',
  restapilog: 'restapi',
  sharding: 'add',
  shardingdags: 'add',
  singledags: 'add',
  swarm2: 'network',
  tags: 'monitor',
}

const LEVEL_ALIASES: Readonly<Record<string, LogLevel>> = {
  dpanic: 'error',
  fatal: 'error',
  panic: 'error',
  warning: 'warn',
}

/**
 * Levels from texts like `info` or `warn,consensus:debug`, each overriding those before it. A bare level holds for
 * every part, also for those that an earlier text has set. Throws `CONFIG_INVALID` for an unknown level or part.
 */
export function parseLogLevels(specs: readonly string[]): LogLevels {
  let byDefault: LogLevel = 'info'
  const byComponent = new Map<string, LogLevel>()
  for (const spec of specs) {
    const elements = spec
      .split(',')
      .map(element => element.trim())
      .filter(element => element !== '')
    const bare = elements.filter(element => !element.includes(':'))
    for (const element of bare) {
      byDefault = parseLevel(element, spec)
      byComponent.clear()
    }
    for (const element of elements) {
      if (!element.includes(':')) continue
      const [component = '', level = '', ...rest] = element.split(':')
      if (rest.length > 0) refuse(spec, `"${element}" has more than one colon`)
      byComponent.set(parseComponent(component, spec), parseLevel(level, spec))
    }
  }
  return { byDefault, byComponent }
}

function parseLevel(text: string, spec: string): LogLevel {
  const name = text.trim().toLowerCase()
  const level = LOG_LEVELS.find(known => known === name) ?? LEVEL_ALIASES[name]
  return level ?? refuse(spec, `there is no level "${text}": use one of ${LOG_LEVELS.join(', ')}`)
}

function parseComponent(text: string, spec: string): string {
  const name = text.trim().toLowerCase()
  const component = LOG_COMPONENTS.find(known => known === name) ?? COMPONENT_ALIASES[name]
  return component ?? refuse(spec, `there is no component "${text}": use one of ${LOG_COMPONENTS.join(', ')}`)
}

function refuse(spec: string, why: string): never {
  throw new ClusterError(
    'CONFIG_INVALID',
    `log level "${spec}" is not understood: ${why} (write "level" or "component:level", separated by commas)`,
  )
}
