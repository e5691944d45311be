import { ClusterError } from '../errors.ts'
import type { AllocationRequest } from '../interfaces.ts'
import type { Objection } from '../model/allocation-request.ts'
import type { PeerId } from '../model/peer.ts'
import { type Field, objectionTo } from './candidates.ts'
import type { AllocatorConfig } from './config.ts'
import type { Plan } from './decide.ts'

const REASONS_MAX = 50

/** Every peer that is known or named, first those that the request is about. */
export function peersOf(request: AllocationRequest): readonly PeerId[] {
  const peers = new Set([...request.current, ...request.preferred])
  const others = new Set(request.names.keys())
  for (const metrics of request.metrics.values()) for (const { peer } of metrics) others.add(peer)
  for (const peer of [...others].sort()) peers.add(peer)
  return [...peers]
}

/**
 * Why the copies that are needed find no place: `NO_SPACE` when full disks are the reason, else `NOT_ENOUGH_PEERS`, each
 * with what stands against every peer.
 */
export function notEnough(
  request: AllocationRequest,
  field: Field,
  config: Pick<AllocatorConfig, 'diskFullShare'>,
  { kept, needed, wanted, chosen }: Plan & { readonly chosen: readonly PeerId[] },
): ClusterError {
  const available = chosen.length
  const used = new Set([...kept, ...chosen])
  const objections = peersOf(request)
    .filter(peer => !used.has(peer))
    .map(peer => [peer, objectionTo(peer, request, field, config) ?? inSameDomain(request)] as const)
  const full = objections.filter(([, { kind }]) => kind === 'full').length
  const isSpace = full > 0 && available + full >= needed
  const said = objections.map(([peer, { text }]) => `${nameOf(peer, request)} ${text}`)
  const more = said.length > REASONS_MAX ? [`and ${said.length - REASONS_MAX} more peers`] : []
  const reasons = [...said.slice(0, REASONS_MAX), ...more].join('; ')
  const message =
    `not enough peers to allocate CID. Needed at least: ${needed}. Wanted at most: ${wanted}. ` +
    `Available candidates: ${available}.${reasons === '' ? '' : ` Not counted: ${reasons}.`} ${advice(isSpace, objections)}`
  return new ClusterError(isSpace ? 'NO_SPACE' : 'NOT_ENOUGH_PEERS', message, {
    details: { needed, wanted, available },
  })
}

function inSameDomain({ placement: { distinct = '' } }: AllocationRequest): Objection {
  return { kind: 'domain', text: `is in a domain (tag ${distinct}) that has a copy already` }
}

/** The peer with its name, where it has one. */
function nameOf(peer: PeerId, { names }: AllocationRequest): string {
  const name = names.get(peer) ?? ''
  return name === '' ? peer : `${name} (${peer})`
}

function advice(isSpace: boolean, objections: readonly (readonly [PeerId, Objection])[]): string {
  if (isSpace)
    return 'There is no space: raise the limits of full IPFS nodes, unpin something and collect garbage, or add peers.'
  const kinds = new Set(objections.map(([, { kind }]) => kind))
  const hints = [
    ...(kinds.has('metrics')
      ? ['see that the IPFS nodes of silent peers run and that they have these tags']
      : []),
    ...(kinds.has('placement') || kinds.has('domain') ? ['ask for fewer tags'] : []),
    ...(kinds.has('mark') ? ['uncordon peers'] : []),
    'add peers',
    'or ask for fewer copies (replication-min)',
  ]
  const text = hints.join(', ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
