import type { Meter } from '@opentelemetry/api'
import type { Alerts, Consensus, Logger, Monitor, PinTracker } from '../interfaces.ts'
import { toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { makeInstruments } from '../lib/instruments.ts'
import type { Random } from '../lib/random.ts'
import { repeat } from '../lib/repeat.ts'
import type { EventFeed, Happening } from '../model/cluster-event.ts'
import type { PeerId } from '../model/peer.ts'
import { EventRing } from './event-ring.ts'
import { EVENT_METRICS } from './metrics.ts'
import { PinChanges } from './pin-changes.ts'

/** How many events a peer keeps. */
const EVENTS_MAX = 10_000
/** How often a reader to whom nothing is told gets a sign of life. */
const PULSE_MS = 15_000
/** Metric of the heartbeat itself: with its first a peer joins. */
const PING = 'ping'

/** What tells of events. */
export interface EventParts {
  readonly self: PeerId
  readonly consensus: Pick<Consensus, 'getMany' | 'onChange'>
  readonly tracker: Pick<PinTracker, 'onStatus'>
  readonly monitor: Pick<Monitor, 'peers' | 'hello' | 'onMetric' | 'onHealth'>
  readonly alerts: Pick<Alerts, 'onAlert'>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
}

/** Keeps the last events of this peer, and tells them to whoever asks. */
export function openEvents(parts: EventParts): EventFeed & AsyncDisposable {
  const { self, consensus, tracker, logger, clock, random } = parts
  const instruments = makeInstruments(parts.meter, EVENT_METRICS)
  const ring = new EventRing({ self, incarnation: toHex(random.bytes(8)), max: EVENTS_MAX, clock })
  instruments.readers.observe(() => ring.readersCount)
  const tell = (happening: Happening) => {
    instruments.events.add(1, { kind: happening.kind })
    ring.push(happening)
  }
  const lose = () => {
    instruments.losses.add(1)
    ring.lose()
  }
  const stack = new AsyncDisposableStack()
  stack.use(new PinChanges({ consensus, logger, tell, lose, max: EVENTS_MAX }))
  stack.use(
    tracker.onStatus(({ cid, status, error, reason, attemptCount }) =>
      tell({ kind: 'status', cid, status, error, reason, attemptCount }),
    ),
  )
  stack.use(tellPeers(parts, tell))
  const onError = (error: unknown) => logger.error('readers of events get no sign of life', { error })
  stack.use(repeat({ clock, everyMs: PULSE_MS, onError }, async () => ring.pulse()))
  return {
    events: (query, options) => ring.read(query, options),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Tells who joins with a heartbeat, who leaves by being unreachable, and every alert. */
function tellPeers({ alerts, monitor, self }: EventParts, tell: (happening: Happening) => void): Disposable {
  const living = new Set(monitor.peers())
  const nameOf = (peer: PeerId) => monitor.hello(peer)?.peername ?? ''
  const stack = new DisposableStack()
  stack.use(
    monitor.onMetric(({ name, peer }) => {
      if (name !== PING || peer === self || living.has(peer)) return
      living.add(peer)
      tell({ kind: 'peer', peer, peername: nameOf(peer), change: 'joined' })
    }),
  )
  stack.use(
    monitor.onHealth(({ peer, condition }) => {
      const isSilent = condition === 'unreachable' || condition === 'gone'
      if (isSilent && living.delete(peer))
        tell({ kind: 'peer', peer, peername: nameOf(peer), change: 'left' })
    }),
  )
  stack.use(
    alerts.onAlert(alert => {
      const begun = alert.was === undefined ? 'raised' : 'changed'
      const change = alert.clearedAtMs === undefined ? begun : 'cleared'
      tell({ kind: 'alert', change, alert })
    }),
  )
  return stack
}
