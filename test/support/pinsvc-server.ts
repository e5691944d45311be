import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNoopMeter } from '@opentelemetry/api'
import { Value } from 'typebox/value'
import { type PinSvcSection, pinSvcSchema, toPinSvcConfig } from '../../src/api/pinsvc/config.ts'
import { openPinSvcApi } from '../../src/api/pinsvc/pinsvc.ts'
import { openTokens } from '../../src/api/tokens/tokens.ts'
import type { PinRequests } from '../../src/interfaces.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { listeningLogger, type SilentLogger, silentLogger } from './silent-logger.ts'

/** A Pinning Service API on a free port of loopback. */
export interface PinSvcServer extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** The audit lines. */
  readonly audit: SilentLogger['lines']
  /** What it complained of. */
  readonly complaints: SilentLogger['lines']
  /** Makes an API token; answers with what to send as `Authorization`. */
  token(body: object): Promise<string>
}

/** Serves what `requests` answers. */
export async function openPinSvcServer(
  requests: PinRequests,
  settings: Partial<PinSvcSection> = {},
): Promise<PinSvcServer> {
  const section = {
    ...Value.Create(pinSvcSchema),
    http_listen_multiaddress: '/ip4/127.0.0.1/tcp/0',
    ...settings,
  }
  const logger = silentLogger()
  const auditLogger = listeningLogger()
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'pinsvc-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const seams = { clock: systemClock, random: systemRandom }
  const tokens = opened.use(await openTokens({ ...seams, logger }, join(folder, 'api-tokens.json')))
  const parts = { requests, ...seams, logger, auditLogger, tokens, meter: createNoopMeter() }
  const api = opened.use(await openPinSvcApi(parts, toPinSvcConfig(section, folder)))
  const all = opened.move()
  const port = Number(api.addresses[0]?.split('/').at(-1))
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    audit: auditLogger.lines,
    complaints: logger.lines,
    token: async body => `Bearer ${(await tokens.create(body)).text ?? ''}`,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}
