import {
  booleanSchema,
  type JsonSchema,
  objectSchema,
  textSchema,
  type ValueOf,
  wideIntegerSchema,
} from '../lib/json-schema.ts'
import type { Alert, Metric } from './metric.ts'
import { formatTime, toNanoseconds } from './time-json.ts'

const members = {
  name: textSchema(),
  peer: textSchema('peer id'),
  value: textSchema(),
  expire: wideIntegerSchema,
  valid: booleanSchema,
  weight: wideIntegerSchema,
  partitionable: booleanSchema,
  received_at: wideIntegerSchema,
} as const satisfies Record<string, JsonSchema<unknown>>

/** JSON of a metric; `expire` and `received_at` are nanoseconds since the Unix epoch. */
export const metricJsonSchema = objectSchema(members)
/** JSON of a metric. */
export type MetricJson = ValueOf<typeof metricJsonSchema>

/** JSON of an alert: the metric that ran out, and when that was noticed. */
export const alertJsonSchema = objectSchema({ ...members, triggered_at: textSchema('RFC 3339') })
/** JSON of an alert. */
export type AlertJson = ValueOf<typeof alertJsonSchema>

/** JSON of a metric. */
export function toMetricJson(metric: Metric): MetricJson {
  return {
    name: metric.name,
    peer: metric.peer,
    value: metric.value,
    expire: toNanoseconds(metric.expireAtMs),
    valid: metric.isValid,
    weight: metric.weight,
    partitionable: metric.isPartitionable,
    received_at: toNanoseconds(metric.receivedAtMs),
  }
}

/** JSON of an alert. */
export function toAlertJson(alert: Alert): AlertJson {
  return { ...toMetricJson(alert), triggered_at: formatTime(alert.triggeredAtMs) }
}
