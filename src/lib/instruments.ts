import type { Attributes, Counter, Histogram, Meter } from '@opentelemetry/api'

/** One metric: its Prometheus name, what kind it is, and a sentence on its meaning. */
export interface MetricRow {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly unit?: string
}

/** The metrics of a component, by the name that its code uses. */
export type MetricTable = Readonly<Record<string, MetricRow>>

/** A gauge is read when it is scraped. */
export interface Gauge {
  observe(read: () => number): void
  /** The same with labels, each set of them with a value of its own. */
  observeEach(read: () => Iterable<readonly [labels: Attributes, value: number]>): void
}

/** The instruments of a table, typed by their kind. */
export type Instruments<Table extends MetricTable> = {
  readonly [Key in keyof Table]: Table[Key]['kind'] extends 'counter'
    ? Counter
    : Table[Key]['kind'] extends 'histogram'
      ? Histogram
      : Gauge
}

/** Makes the instruments of a component's table. Counters begin at 0, so that they are exported from the start. */
export function makeInstruments<const Table extends MetricTable>(
  meter: Meter,
  table: Table,
): Instruments<Table> {
  const entries = Object.entries(table).map(([key, row]) => [key, makeOne(meter, row)] as const)
  return Object.fromEntries(entries) as Instruments<Table>
}

function makeOne(meter: Meter, row: MetricRow): Counter | Histogram | Gauge {
  const options = { description: row.help, ...(row.unit === undefined ? {} : { unit: row.unit }) }
  if (row.kind === 'histogram') return meter.createHistogram(row.name, options)
  if (row.kind === 'gauge') {
    const gauge = meter.createObservableGauge(row.name, options)
    return {
      observe: read => gauge.addCallback(result => result.observe(read())),
      observeEach: read =>
        gauge.addCallback(result => {
          for (const [labels, value] of read()) result.observe(value, labels)
        }),
    }
  }
  const counter = meter.createCounter(row.name, options)
  counter.add(0)
  return counter
}
