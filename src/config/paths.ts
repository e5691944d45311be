import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Environment } from './environment.ts'

/** The files of a configuration folder. */
export interface Paths {
  readonly folder: string
  /** The configuration. */
  readonly service: string
  /** The peer id and its private key. */
  readonly identity: string
  /** Addresses of known peers. */
  readonly peerstore: string
  /** Held while a process works in the folder. */
  readonly lock: string
}

/** The folder of a peer: the flag, else `CLUSTER_PATH`, else `IPFS_CLUSTER_PATH`, else `.pinfold` in the home folder. */
export function configFolder(flag: string | undefined, environment: Environment): string {
  const given = [flag, environment['CLUSTER_PATH'], environment['IPFS_CLUSTER_PATH']].find(
    path => path !== undefined && path !== '',
  )
  const home = environment['HOME']
  return resolve(given ?? join(home === undefined || home === '' ? homedir() : home, '.pinfold'))
}

/** The paths of the files in a folder. */
export function pathsIn(folder: string): Paths {
  return {
    folder,
    service: join(folder, 'service.json'),
    identity: join(folder, 'identity.json'),
    peerstore: join(folder, 'peerstore'),
    lock: join(folder, 'cluster.lock'),
  }
}
