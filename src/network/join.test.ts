import { it } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { openStar } from '../../test/support/real-network.ts'

it('forty peers that join through one at the same time all find at least a dozen others', async () => {
  await using star = await openStar(40, { connectionsWanted: 12, dialTimeoutMs: 10_000 })
  const [hub, ...others] = star.networks
  await eventually(
    'all have joined',
    () => hub !== undefined && hub.peers().length === 39 && others.every(({ peers }) => peers.length >= 0),
    60_000,
  )
  await eventually(
    'all have found others',
    () => others.every(network => network.peers().length >= 12),
    60_000,
  )
})
