import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Meter } from '@opentelemetry/api'
import { type MetricTable, makeInstruments } from '../lib/instruments.ts'

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
  eventLoopDelay: {
    name: 'nodejs_eventloop_lag_p99_seconds',
    kind: 'gauge',
    help: 'Delay of the event loop since the last scrape, 99th percentile',
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
  const gauges = makeInstruments(meter, PROCESS_METRICS)
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  gauges.residentMemory.observe(() => process.memoryUsage.rss())
  gauges.startTime.observe(() => Math.round(performance.timeOrigin) / 1000)
  const { name, help } = PROCESS_COUNTERS.cpu
  meter.createObservableCounter(name, { description: help }).addCallback(result => {
    const { user, system } = process.cpuUsage()
    result.observe((user + system) / 1e6)
  })
  gauges.heapUsed.observe(() => process.memoryUsage().heapUsed)
  gauges.heapTotal.observe(() => process.memoryUsage().heapTotal)
  gauges.externalMemory.observe(() => process.memoryUsage().external)
  gauges.eventLoopDelay.observe(() => {
    // The sampler counts its own interval as part of each delay.
    const seconds = Math.max(0, delay.percentile(99) / 1e9 - RESOLUTION_MS / 1000)
    delay.reset()
    return seconds
  })
  return {
    [Symbol.dispose]: () => void delay.disable(),
  }
}
