import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Meter, ObservableGauge } from '@opentelemetry/api'
import type { MetricRow, MetricTable } from '../lib/instruments.ts'

/** How the process itself is, under the names that Node dashboards read. */
export const PROCESS_METRICS = {
  residentMemory: {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    help: 'Memory of the process that is held in RAM',
  },
  startTime: {
    name: 'process_start_time_seconds',
    kind: 'gauge',
    help: 'When the process started, Unix seconds',
  },
  heapUsed: { name: 'nodejs_heap_size_used_bytes', kind: 'gauge', help: 'JavaScript heap in use' },
  heapTotal: { name: 'nodejs_heap_size_total_bytes', kind: 'gauge', help: 'JavaScript heap reserved' },
  externalMemory: {
    name: 'nodejs_external_memory_bytes',
    kind: 'gauge',
    help: 'Memory of buffers and native objects outside of the JavaScript heap',
  },
} as const satisfies MetricTable

/** How long the event loop was held up. Reading begins anew with each scrape, so that a later scrape shows a later time. */
export const EVENT_LOOP_METRICS = {
  p99: {
    name: 'nodejs_eventloop_lag_p99_seconds',
    kind: 'gauge',
    help: 'Delay of the event loop since the last scrape (by whomever), 99th percentile',
  },
  max: {
    name: 'nodejs_eventloop_lag_max_seconds',
    kind: 'gauge',
    help: 'Longest delay of the event loop since the last scrape (by whomever)',
  },
} as const satisfies MetricTable

/** Counted by the operating system, hence read at each scrape. */
export const PROCESS_COUNTERS = {
  cpu: {
    name: 'process_cpu_seconds_total',
    kind: 'counter',
    help: 'Processor time that the process has used, user and system',
  },
} as const satisfies MetricTable

const RESOLUTION_MS = 10

/** Observes the process until disposed. */
export function observeProcess(meter: Meter): Disposable {
  const delay = observeEventLoop(meter)
  observeMemory(meter)
  toGauge(meter, PROCESS_METRICS.startTime).addCallback(result =>
    result.observe(Math.round(performance.timeOrigin) / 1000),
  )
  const { name, help } = PROCESS_COUNTERS.cpu
  meter.createObservableCounter(name, { description: help }).addCallback(result => {
    const { user, system } = process.cpuUsage()
    result.observe((user + system) / 1e6)
  })
  return delay
}

/** Asks once for each scrape: the answer costs more than all the rest of what a scrape reads. */
function observeMemory(meter: Meter): void {
  const { residentMemory, heapUsed, heapTotal, externalMemory } = PROCESS_METRICS
  const resident = toGauge(meter, residentMemory)
  const used = toGauge(meter, heapUsed)
  const total = toGauge(meter, heapTotal)
  const external = toGauge(meter, externalMemory)
  meter.addBatchObservableCallback(
    result => {
      const usage = process.memoryUsage()
      result.observe(resident, usage.rss)
      result.observe(used, usage.heapUsed)
      result.observe(total, usage.heapTotal)
      result.observe(external, usage.external)
    },
    [resident, used, total, external],
  )
}

function toGauge(meter: Meter, { name, help }: MetricRow): ObservableGauge {
  return meter.createObservableGauge(name, { description: help })
}

function observeEventLoop(meter: Meter): Disposable {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  // The sampler counts its own interval as part of each delay.
  const toSeconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000)
  const p99 = toGauge(meter, EVENT_LOOP_METRICS.p99)
  const max = toGauge(meter, EVENT_LOOP_METRICS.max)
  meter.addBatchObservableCallback(
    result => {
      result.observe(p99, toSeconds(delay.percentile(99)))
      result.observe(max, toSeconds(delay.max))
      delay.reset()
    },
    [p99, max],
  )
  return {
    [Symbol.dispose]: () => void delay.disable(),
  }
}
