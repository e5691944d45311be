import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNoopMeter } from '@opentelemetry/api'
import type { ByteStore, Ipfs } from '../../src/interfaces.ts'
import type { EmbeddedConfig } from '../../src/ipfs/config.ts'
import { openEmbedded } from '../../src/ipfs/embedded/embedded.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { openLevel } from '../../src/store/level.ts'
import { silentLogger } from './silent-logger.ts'

/** An embedded node on loopback in a temporary folder. */
export interface EmbeddedNode extends AsyncDisposable {
  readonly ipfs: Ipfs
  readonly folder: string
}

/** A folder for a node; disposing removes it. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'pinfold-ipfs-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Settings for tests: loopback, a free port, no grace, short time-outs. */
export function embeddedConfig(folder: string, config: Partial<EmbeddedConfig> = {}): EmbeddedConfig {
  return {
    folder,
    listenAddresses: ['/ip4/127.0.0.1/tcp/0'],
    announceAddresses: [],
    bootstrapAddresses: [],
    storageMaxBytes: 0,
    gcGraceMs: 0,
    requestTimeoutMs: 10_000,
    pinTimeoutMs: 1500,
    fetchesMax: 32,
    isUnpinDisabled: false,
    ...config,
  }
}

/** Opens a node in a folder with the given store. */
export function openNode(
  folder: string,
  store: ByteStore,
  config: Partial<EmbeddedConfig> = {},
): Promise<Ipfs> {
  const components = {
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger(),
    meter: createNoopMeter(),
    store,
  }
  return openEmbedded(components, embeddedConfig(folder, config))
}

/** Opens a node in a new folder with a store on disk; disposing removes both. */
export async function openEmbeddedNode(config: Partial<EmbeddedConfig> = {}): Promise<EmbeddedNode> {
  await using parts = new AsyncDisposableStack()
  const folder = parts.use(await temporaryFolder()).path
  const store = parts.use(await openLevel(join(folder, 'pins')))
  const ipfs = parts.use(await openNode(folder, store, config))
  const open = parts.move()
  return { ipfs, folder, [Symbol.asyncDispose]: () => open.disposeAsync() }
}
