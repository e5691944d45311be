import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ClusterError, messageOf } from '../errors.ts'
import type { Identity } from '../model/identity.ts'
import { crossFaults } from './cross-checks.ts'
import { type Document, readDocument } from './document.ts'
import type { Environment } from './environment.ts'
import { faultsError } from './fault.ts'
import {
  type IdentityText,
  legacyIdentity,
  overrideIdentity,
  readIdentity,
  toIdentity,
  writeIdentity,
} from './identity-file.ts'
import { type Paths, pathsIn } from './paths.ts'
import { peerOfAddress, readPeerstore, toPeerAddress } from './peerstore-file.ts'
import { SECTION, SECTIONS } from './schema.ts'
import { isJsonObject, type JsonObject, putAt, valueAt } from './setting.ts'
import { type DaemonSettings, toSettings } from './settings.ts'

const SOURCE_TIMEOUT_MS = 30_000
const SOURCE_BYTES_MAX = 4 * 1024 * 1024

/** What the command line says of a run. */
export interface RunFlags {
  /** Addresses to connect to, each ending in `/p2p/<peer>`. */
  readonly bootstrap: readonly string[]
  /** Whether the peers of `bootstrap` are trusted in this run. */
  readonly isBootstrapTrusted: boolean
  readonly hasStats: boolean
  readonly hasTracing: boolean
  readonly leavesOnShutdown: boolean
  /** Log levels, '' = as configured. */
  readonly logLevel: string
}

/** Where to load from. */
export interface LoadOptions {
  readonly folder: string
  readonly environment: Environment
  readonly flags: RunFlags
  readonly signal: AbortSignal
}

/**
 * Loads the settings of a peer: defaults < file (or the source that it names) < environment < flags. Throws `CONFIG_INVALID`
 * with every fault of the file, or `NOT_FOUND` when there is none; nothing is opened by then.
 */
export async function loadSettings(options: LoadOptions): Promise<DaemonSettings> {
  const { folder, environment, flags } = options
  const paths = pathsIn(folder)
  const local = await readServiceFile(paths)
  const { file, where } = await followSource(local, paths.service, options.signal)
  const document = readDocument(SECTIONS, file, environment, where, crossFaults)
  applyFlags(document, flags)
  const notes: string[] = [...document.notes, ...unusedKubo(document, environment)]
  const identity = await loadIdentity(paths, local, environment, notes)
  const peerstore = document.valuesOf(SECTION.cluster)?.['peerstore_file']
  const knownAddresses = await knownPeers(resolve(folder, String(peerstore)), notes)
  return toSettings(
    { valuesOf: section => document.valuesOf(section), notes },
    {
      folder,
      identity,
      knownAddresses,
      bootstrap: flags.bootstrap,
      environment,
      logLevel: flags.logLevel,
      where,
    },
  )
}

async function readServiceFile(paths: Paths): Promise<unknown> {
  const text = await readFile(paths.service, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      throw new ClusterError(
        'NOT_FOUND',
        `open ${paths.service}: no such file or directory. Make a configuration with "cluster-service init"`,
        { cause },
      )
    }
    throw new ClusterError('CONFIG_INVALID', `open ${paths.service}: ${messageOf(cause)}`, { cause })
  })
  return parse(text, paths.service)
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The parser quotes the place, and that may be the secret.
    const at = /position (\d+)/.exec(messageOf(cause))?.[1]
    const line = at === undefined ? 'at its end' : `in line ${text.slice(0, Number(at)).split('\n').length}`
    throw faultsError(where, [{ path: '', message: `is not JSON: look ${line}` }])
  }
}

interface Sourced {
  readonly file: unknown
  readonly where: string
}

async function followSource(local: unknown, path: string, signal: AbortSignal): Promise<Sourced> {
  const source = valueAt(local, ['source'])
  if (source === undefined || source === '') return { file: withoutSource(local), where: path }
  const isUrl = typeof source === 'string' && /^https?:\/\//.test(source)
  if (!isUrl) throw faultsError(path, [{ path: 'source', message: 'must be an http or https URL' }])
  const file = parse(await fetchSource(source, signal), source)
  if (valueAt(file, ['source'])) {
    throw faultsError(source, [
      { path: '', message: 'a sourced configuration cannot point to another source' },
    ])
  }
  return { file: withoutSource(file), where: source }
}

function withoutSource(file: unknown): unknown {
  if (!isJsonObject(file)) return file
  const { source: _, ...rest } = file
  return rest
}

async function fetchSource(url: string, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(SOURCE_TIMEOUT_MS)])
  try {
    const response = await fetch(url, { signal: limit })
    const text = await readBounded(response, url)
    if (response.status >= 300) {
      throw new ClusterError(
        'CONFIG_INVALID',
        `unsuccessful request (${response.status}): ${text.slice(0, 200)}`,
      )
    }
    return text
  } catch (cause) {
    if (cause instanceof ClusterError) throw cause
    signal.throwIfAborted()
    throw new ClusterError('CONFIG_INVALID', `could not fetch configuration from source: ${url}`, { cause })
  }
}

async function readBounded(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > SOURCE_BYTES_MAX) {
      throw new ClusterError(
        'TOO_LARGE',
        `the configuration at ${url} is larger than ${SOURCE_BYTES_MAX} bytes`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function applyFlags(document: Document, flags: RunFlags): void {
  const put = (values: JsonObject | undefined, keys: readonly string[], value: unknown) => {
    if (values !== undefined) putAt(values, keys, value)
  }
  if (flags.hasStats) put(document.valuesOf(SECTION.observations), ['metrics', 'enable_stats'], true)
  if (flags.hasTracing) put(document.valuesOf(SECTION.observations), ['tracing', 'enable_tracing'], true)
  if (flags.leavesOnShutdown) put(document.valuesOf(SECTION.cluster), ['leave_on_shutdown'], true)
  if (!flags.isBootstrapTrusted) return
  const crdt = document.valuesOf(SECTION.crdt)
  const trusted = crdt?.['trusted_peers']
  const peers = flags.bootstrap.map(peerOfAddress).filter(peer => peer !== undefined)
  if (Array.isArray(trusted)) put(crdt, ['trusted_peers'], [...new Set<unknown>([...trusted, ...peers])])
}

function unusedKubo(document: Document, environment: Environment): readonly string[] {
  const isEmbedded = document.valuesOf(SECTION.ipfs)?.['node'] === 'embedded'
  if (!isEmbedded || !environment['CLUSTER_IPFSHTTP_NODEMULTIADDRESS']) return []
  return [
    'CLUSTER_IPFSHTTP_NODEMULTIADDRESS is set, but this peer uses an IPFS node of its own: set ipfs_connector.node or CLUSTER_IPFSCONNECTOR_NODE to kubo to use that one',
  ]
}

async function loadIdentity(
  paths: Paths,
  service: unknown,
  environment: Environment,
  notes: string[],
): Promise<Identity> {
  const own = await readIdentity(paths)
  const legacy = own === undefined ? legacyIdentity(service) : undefined
  const none: IdentityText = { id: undefined, privateKey: undefined }
  const text = overrideIdentity(own ?? legacy ?? none, environment)
  if (text.id === undefined && text.privateKey === undefined) {
    throw new ClusterError(
      'NOT_FOUND',
      `error loading identity: ${paths.identity} does not exist. Make an identity with "cluster-service init"`,
    )
  }
  const identity = toIdentity(text, paths.identity)
  if (legacy !== undefined) {
    await writeIdentity(paths, toIdentity(legacy, paths.service))
    notes.push(`the identity in ${paths.service} was copied to ${paths.identity}, where it belongs`)
  }
  return identity
}

async function knownPeers(peerstore: string, notes: string[]): Promise<readonly string[]> {
  const known: string[] = []
  for (const line of await readPeerstore(peerstore)) {
    try {
      known.push(toPeerAddress(line))
    } catch (thrown) {
      notes.push(`a line of ${peerstore} is passed over: ${messageOf(thrown)}`)
    }
  }
  return known
}
