import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentText, newDocument } from '../../config/default-document.ts'
import { readIdentity, toIdentity, writeIdentity } from '../../config/identity-file.ts'
import { type Paths, pathsIn } from '../../config/paths.ts'
import { valueAt } from '../../config/setting.ts'
import { writeWhole } from '../../lib/write-file.ts'
import { createIdentity } from '../../model/identity.ts'
import type { PeerId } from '../../model/peer.ts'
import type { Ports } from './ports.ts'

/** Most peers that quick-start runs on one machine. */
export const PEERS_MAX = 20
const SERVICE_FILE_SECRET = ['cluster', 'secret']

/** A peer of a quick-start cluster. */
export interface QuickPeer {
  readonly name: string
  readonly paths: Paths
  readonly id: PeerId
}

/** The folder of the n-th peer, from 1. */
function folderOf(base: string, number: number): Paths {
  return pathsIn(join(base, `peer${number}`))
}

/** How many peers a folder already has. */
export function countPeers(base: string): number {
  let count = 0
  while (count < PEERS_MAX && existsSync(folderOf(base, count + 1).service)) count += 1
  return count
}

/** The secret that the peers of a folder share, undefined when there are none yet. */
export async function sharedSecret(base: string): Promise<string | undefined> {
  const first = folderOf(base, 1)
  if (!existsSync(first.service)) return undefined
  const secret = valueAt(JSON.parse(await readFile(first.service, 'utf8')), SERVICE_FILE_SECRET)
  return typeof secret === 'string' ? secret : undefined
}

/** The n-th peer of a folder, made when it is not there: everything on loopback, with an IPFS node of its own. */
export async function preparePeer(
  base: string,
  number: number,
  ports: Ports,
  secret: string,
): Promise<QuickPeer> {
  const paths = folderOf(base, number)
  const name = `peer${number}`
  if (!existsSync(paths.service)) {
    const changes = [
      { keys: ['cluster', 'peername'], value: name },
      { keys: SERVICE_FILE_SECRET, value: secret },
      { keys: ['cluster', 'listen_multiaddress'], value: [`/ip4/127.0.0.1/tcp/${ports.cluster}`] },
      // Short times, so that what happens can be watched; heartbeats are frequent by default.
      { keys: ['monitor', 'pubsubmon', 'check_interval'], value: '5s' },
      { keys: ['consensus', 'crdt', 'trusted_peers'], value: ['*'] },
      { keys: ['api', 'restapi', 'http_listen_multiaddress'], value: `/ip4/127.0.0.1/tcp/${ports.rest}` },
      {
        keys: ['api', 'pinsvcapi', 'http_listen_multiaddress'],
        value: `/ip4/127.0.0.1/tcp/${ports.pinsvc}`,
      },
      { keys: ['api', 'ipfsproxy', 'listen_multiaddress'], value: `/ip4/127.0.0.1/tcp/${ports.proxy}` },
      { keys: ['ipfs_connector', 'node'], value: 'embedded' },
      {
        keys: ['ipfs_connector', 'embedded', 'listen_multiaddress'],
        value: `/ip4/127.0.0.1/tcp/${ports.ipfs}`,
      },
      { keys: ['ipfs_connector', 'ipfshttp', 'connect_swarms_delay'], value: '1s' },
    ]
    await writeWhole(paths.service, documentText(newDocument(changes, {}, paths.service)), 0o600)
  }
  const known = await readIdentity(paths)
  const identity = known === undefined ? createIdentity() : toIdentity(known, paths.identity)
  if (known === undefined) await writeIdentity(paths, identity)
  return { name, paths, id: identity.id }
}
