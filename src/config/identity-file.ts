import { readFile } from 'node:fs/promises'
import { ClusterError, messageOf } from '../errors.ts'
import { writeWhole } from '../lib/write-file.ts'
import { type Identity, identityFromPrivateKey } from '../model/identity.ts'
import { parsePeerId } from '../model/peer.ts'
import type { Environment } from './environment.ts'
import type { Paths } from './paths.ts'
import { isJsonObject, valueAt } from './setting.ts'

/** What an identity file or the environment says, not yet checked. */
export interface IdentityText {
  readonly id: string | undefined
  readonly privateKey: string | undefined
}

/** The identity that the texts name. Throws `CONFIG_INVALID`; the private key is never part of a message. */
export function toIdentity({ id, privateKey }: IdentityText, where: string): Identity {
  const fault = (why: string, cause?: unknown) =>
    new ClusterError('CONFIG_INVALID', `error loading identity from ${where}: ${why}`, { cause })
  if (id === undefined || privateKey === undefined) throw fault('id and private_key must both be set')
  let identity: Identity
  let named: string
  try {
    identity = identityFromPrivateKey(new Uint8Array(Buffer.from(privateKey, 'base64')))
    named = parsePeerId(id)
  } catch (cause) {
    throw fault(messageOf(cause), cause)
  }
  if (identity.id !== named) {
    throw fault(`identity ID does not match the private_key (the key is that of ${identity.id})`)
  }
  return identity
}

/** The texts with `CLUSTER_ID` and `CLUSTER_PRIVATEKEY` put over them. */
export function overrideIdentity(text: IdentityText, environment: Environment): IdentityText {
  return {
    id: environment['CLUSTER_ID'] || text.id,
    privateKey: environment['CLUSTER_PRIVATEKEY'] || text.privateKey,
  }
}

/** The file's own form of an identity. */
export function textOfIdentity(identity: Identity): IdentityText {
  return { id: identity.id, privateKey: Buffer.from(identity.privateKey).toString('base64') }
}

/** Reads `identity.json`; undefined when there is none. */
export async function readIdentity(paths: Paths): Promise<IdentityText | undefined> {
  const file = await readJson(paths.identity)
  if (file === undefined) return undefined
  return { id: textAt(file, 'id'), privateKey: textAt(file, 'private_key') }
}

/** Reads an identity file by its path. Throws `CONFIG_INVALID` or `NOT_FOUND`. */
export async function readIdentityFile(path: string): Promise<Identity> {
  const file = await readJson(path)
  if (file === undefined) throw new ClusterError('NOT_FOUND', `there is no identity file ${path}`)
  return toIdentity({ id: textAt(file, 'id'), privateKey: textAt(file, 'private_key') }, path)
}

/** The identity that very old configurations keep in the cluster section of `service.json`; undefined when there is none. */
export function legacyIdentity(service: unknown): IdentityText | undefined {
  const cluster = valueAt(service, ['cluster'])
  const text = { id: textAt(cluster, 'id'), privateKey: textAt(cluster, 'private_key') }
  return text.id === undefined || text.privateKey === undefined ? undefined : text
}

/** Writes `identity.json`, readable for its owner only. */
export async function writeIdentity(paths: Paths, identity: Identity): Promise<void> {
  const { id, privateKey } = textOfIdentity(identity)
  await writeWhole(paths.identity, JSON.stringify({ id, private_key: privateKey }, null, 4), 0o600)
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    // The parser quotes what it could not read, and that may be the key.
    const why = cause instanceof SyntaxError ? 'it is not JSON' : messageOf(cause)
    throw new ClusterError('CONFIG_INVALID', `error loading identity from ${path}: ${why}`)
  }
}

function textAt(object: unknown, key: string): string | undefined {
  const value = isJsonObject(object) ? object[key] : undefined
  return typeof value === 'string' && value !== '' ? value : undefined
}
