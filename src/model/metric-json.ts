import {
  booleanSchema,
  type JsonSchema,
  objectSchema,
  textSchema,
  type ValueOf,
  wideIntegerSchema,
} from '../lib/json-schema.ts'
import type { Metric } from './metric.ts'
import { toNanoseconds } from './time-json.ts'

/** Members of a metric's JSON. */
export const metricMembers = {
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
export const metricJsonSchema = objectSchema(metricMembers)
/** JSON of a metric. */
export type MetricJson = ValueOf<typeof metricJsonSchema>

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
