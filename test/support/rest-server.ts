import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNoopMeter } from '@opentelemetry/api'
import { Value } from 'typebox/value'
import { type Client, type ClientConfig, openClient } from '../../src/api/client.ts'
import { type RestApiSection, restApiSchema, toRestApiConfig } from '../../src/api/config.ts'
import { openRestApi } from '../../src/api/rest.ts'
import { openTokens } from '../../src/api/tokens/tokens.ts'
import type { Cluster } from '../../src/interfaces.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { listeningLogger, type SilentLogger, silentLogger } from './silent-logger.ts'
import { stubCluster } from './stub-cluster.ts'

/** A REST API on a free port of loopback, in front of a stub, with a client. */
export interface RestServer extends AsyncDisposable {
  readonly address: string
  readonly port: number
  readonly logger: SilentLogger
  /** The audit lines. */
  readonly audit: SilentLogger['lines']
  client(config?: Partial<ClientConfig>): Client
}

/** Serves what the members answer. */
export async function openRestServer(
  members: Partial<Cluster>,
  settings: Partial<RestApiSection> = {},
  clock: Clock = systemClock,
): Promise<RestServer> {
  const section = {
    ...Value.Create(restApiSchema),
    http_listen_multiaddress: '/ip4/127.0.0.1/tcp/0',
    ...settings,
  }
  const logger = silentLogger()
  const auditLogger = listeningLogger()
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-rest-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const tokens = opened.use(
    await openTokens({ clock, random: systemRandom, logger }, join(folder, 'api-tokens.json')),
  )
  const parts = {
    cluster: stubCluster(members),
    clock,
    logger,
    auditLogger,
    tokens,
    meter: createNoopMeter(),
  }
  const api = opened.use(await openRestApi(parts, toRestApiConfig(section, folder)))
  const all = opened.move()
  const address = api.addresses[0] ?? ''
  return {
    address,
    port: Number(address.split('/').at(-1)),
    logger,
    audit: auditLogger.lines,
    client: config => openClient({ hosts: [address], timeoutMs: 10_000, ...config }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Waits until something is so, for at most five seconds. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not within 5 s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Everything that comes, in a list. */
export async function collect<Item>(source: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of source) items.push(item)
  return items
}
