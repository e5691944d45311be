import { systemClock } from '../../src/lib/clock.ts'
import { FakeIpfsNetwork, openFakeIpfs } from '../support/fake-ipfs.ts'
import { ipfsContract } from './ipfs.ts'

ipfsContract('the fake', async () => {
  const components = { clock: systemClock, network: new FakeIpfsNetwork() }
  const node = openFakeIpfs(components, { name: 'node', pinTimeoutMs: 1000 })
  const other = openFakeIpfs(components, { name: 'other', pinTimeoutMs: 1000 })
  return {
    node,
    other,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    },
  }
})
