import { formatCid } from '../model/cid.ts'
import type { PinOptions } from '../model/pin.ts'
import { formatTime } from '../model/time-json.ts'
import type { PinQuery } from './query-schema.ts'

/** The query that asks for these options; what says nothing is left out. */
export function formatPinQuery(options: Partial<PinOptions>): PinQuery {
  const { name, mode, replicationMin, replicationMax, shardSizeBytes, userAllocations, origins } = options
  const texts: [string, string | undefined][] = [
    ['name', name],
    ['mode', mode === 'direct' ? mode : undefined],
    ['replication-min', textOf(replicationMin)],
    ['replication-max', textOf(replicationMax)],
    ['shard-size', textOf(shardSizeBytes)],
    ['user-allocations', userAllocations?.join(',')],
    ['expire-at', options.expireAtMs === undefined ? undefined : formatTime(options.expireAtMs)],
    ['pin-update', options.pinUpdate === undefined ? undefined : formatCid(options.pinUpdate)],
    ['origins', origins?.join(',')],
  ]
  for (const [key, value] of Object.entries(options.metadata ?? {})) texts.push([`meta-${key}`, value])
  const isSaid = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && (entry[1] !== '' || entry[0].startsWith('meta-'))
  return Object.fromEntries(texts.filter(isSaid))
}

function textOf(value: number | undefined): string | undefined {
  return value === undefined || value === 0 ? undefined : String(value)
}
