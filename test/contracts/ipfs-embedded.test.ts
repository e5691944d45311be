import { openEmbeddedNode } from '../support/embedded-node.ts'
import { ipfsContract } from './ipfs.ts'

ipfsContract('the embedded node', async () => {
  await using parts = new AsyncDisposableStack()
  const node = parts.use(await openEmbeddedNode()).ipfs
  const other = parts.use(await openEmbeddedNode()).ipfs
  const open = parts.move()
  return { node, other, [Symbol.asyncDispose]: () => open.disposeAsync() }
})
