import type { AllocationExplanationJson } from '../model/allocation-json.ts'

/** Where a pin would be, and for every peer why it would or would not be there. */
export function formatAllocation(answer: AllocationExplanationJson): string {
  const { replication_factor_min: min, replication_factor_max: max, error, allocations } = answer
  const isEverywhere = min === -1 && max === -1
  const wanted = isEverywhere ? 'on every peer' : min === max ? `${min} copies` : `${min} to ${max} copies`
  const found = error === '' && !isEverywhere ? `, on ${allocations.length} peers` : ''
  const pinned = answer.in_pinset ? 'pinned already' : 'not pinned'
  const peers = answer.peers.flatMap(({ peer, peername, verdict, reason, metrics, rank }) => {
    const who = peername === '' ? peer : `${peername} (${peer})`
    const values = Object.entries(metrics).map(([name, value]) => `${name}=${value}`)
    return [
      `  > ${verdict.toUpperCase().padEnd(7)} ${who}: ${reason}${rank === undefined ? '' : ` [${rank}]`}`,
      ...(values.length === 0 ? [] : [`      ${values.join(' ')}`]),
    ]
  })
  return [
    `${answer.cid}: ${pinned}; ${wanted} wanted${found}`,
    ...(error === '' ? [] : [`  ERROR: ${error}`]),
    ...peers,
  ].join('\n')
}
