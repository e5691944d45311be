import { it } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { openStar } from '../../test/support/real-network.ts'

it('thirty-two peers that join through one at the same time all get in and find others', async () => {
  await using star = await openStar(32, { connectionsWanted: 8, dialTimeoutMs: 20_000 })
  const [hub, ...others] = star.networks
  await eventually('all have joined', () => hub?.peers().length === others.length, 60_000)
  await eventually(
    'all have found others',
    () => others.every(network => network.peers().length >= 8),
    60_000,
  )
})
