import type { Meter } from '@opentelemetry/api'
import { ClusterError, messageOf, wasStopped } from '../errors.ts'
import type { Logger, Options } from '../interfaces.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import { type Instruments, makeInstruments } from '../lib/instruments.ts'
import { formatJson } from '../lib/json.ts'
import type { Random } from '../lib/random.ts'
import type { ClusterEvent, EventFeed } from '../model/cluster-event.ts'
import { toEventJson } from '../model/event-json.ts'
import type { Webhook, WebhooksConfig } from './config.ts'
import { WEBHOOK_METRICS } from './metrics.ts'
import { SIGNATURE_HEADER, sign, TIMESTAMP_HEADER } from './signature.ts'

const ANSWER_LIMIT_MS = 10_000
const RETRY = { firstMs: 1000, maxMs: 300_000 }
/** About an hour and a half; then the batch is dropped, and those behind it have their turn. */
const ATTEMPTS_MAX = 25

/** What sending events needs. */
export interface WebhookParts {
  readonly events: EventFeed
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
}

/**
 * Sends the events of this peer to every webhook, in order, some hundred at a time. What waits is in the ring of events,
 * so that a webhook which does not answer costs one batch of memory; what it missed is told by a `reset`, also after a start.
 */
export function openWebhooks(parts: WebhookParts, { hooks }: WebhooksConfig): AsyncDisposable {
  const stopping = new AbortController()
  const instruments = makeInstruments(parts.meter, WEBHOOK_METRICS)
  const done = hooks.map(hook => new Sender(parts, hook, instruments).run(stopping.signal))
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort(new DOMException('stopped', 'AbortError'))
      await Promise.all(done)
    },
  }
}

class Sender {
  readonly #parts: WebhookParts
  readonly #hook: Webhook
  readonly #instruments: Instruments<typeof WEBHOOK_METRICS>
  /** The address without what may be secret in it. */
  readonly #shown: string
  #isSilent = false

  constructor(parts: WebhookParts, hook: Webhook, instruments: Instruments<typeof WEBHOOK_METRICS>) {
    this.#parts = parts
    this.#hook = hook
    this.#instruments = instruments
    const { origin, pathname } = new URL(hook.url)
    this.#shown = origin + pathname
  }

  async run(signal: AbortSignal): Promise<void> {
    const { kinds } = this.#hook
    // The first event is a reset: what happened before the start is not known here.
    const query = { after: `${'0'.repeat(16)}-0`, ...(kinds === undefined ? {} : { kinds }) }
    try {
      for await (const page of this.#parts.events.events(query, { signal })) {
        const told = page.filter(({ kind }) => kind !== 'alive')
        if (told.length > 0) await this.#deliver(told, { signal })
      }
    } catch (thrown) {
      if (wasStopped(thrown, signal)) return
      this.#parts.logger.error('a webhook gets no more events', {
        url: this.#shown,
        reason: messageOf(thrown),
      })
    }
  }

  async #deliver(events: readonly ClusterEvent[], { signal }: Options): Promise<void> {
    const { clock, random, logger } = this.#parts
    const { sent, failures, dropped } = this.#instruments
    const label = { url: this.#shown }
    const resets = events.filter(({ kind }) => kind === 'reset').length
    if (resets > 0) dropped.add(resets, label)
    const body = formatJson({ events: events.map(toEventJson) })
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      try {
        await this.#post(body, signal)
        sent.add(events.length, label)
        if (this.#isSilent) logger.info('a webhook takes events again', label)
        this.#isSilent = false
        return
      } catch (thrown) {
        signal.throwIfAborted()
        failures.add(1, label)
        const fields = { ...label, reason: messageOf(thrown) }
        if (!this.#isSilent) logger.warn('a webhook does not take events: trying again', fields)
        this.#isSilent = true
        if (attempt < ATTEMPTS_MAX) await clock.sleep(backoffMs(attempt, RETRY, random), signal)
      }
    }
    dropped.add(events.length, label)
    logger.error('events were dropped that a webhook did not take', { ...label, events: events.length })
  }

  async #post(body: string, signal: AbortSignal): Promise<void> {
    const { url, secret } = this.#hook
    const timestamp = String(Math.floor(this.#parts.clock.now() / 1000))
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'Content-Type': 'application/json',
        [TIMESTAMP_HEADER]: timestamp,
        [SIGNATURE_HEADER]: sign(secret, timestamp, body),
      },
      // Where it leads was not configured.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]),
    })
    await answer.body?.cancel()
    if (answer.status < 200 || answer.status > 299)
      throw new ClusterError('REFUSED', `it answers with status ${answer.status}`)
  }
}
