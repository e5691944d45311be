import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createIdentity, type Identity, identityFromPrivateKey } from '../../model/identity.ts'
import { syncFolder } from './block-files.ts'

/** The node's own key in its folder, base64 of libp2p's protobuf form, mode 0600; made at the first start. */
export async function loadNodeKey(folder: string): Promise<Identity> {
  const path = join(folder, 'node.key')
  try {
    return identityFromPrivateKey(new Uint8Array(Buffer.from(await readFile(path, 'utf8'), 'base64')))
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown
  }
  const identity = createIdentity()
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(Buffer.from(identity.privateKey).toString('base64'))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncFolder(folder)
  return identity
}
