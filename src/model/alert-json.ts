import { choiceSchema, objectSchema, textSchema, type ValueOf } from '../lib/json-schema.ts'
import { ALERT_KINDS, ALERT_SEVERITIES, type ClusterAlert } from './alert.ts'
import { type MetricJson, metricMembers, toMetricJson } from './metric-json.ts'
import { formatTime, toNanoseconds } from './time-json.ts'

/** JSON of an alert: the metric that ran out, as IPFS Cluster has it, and what it means, which peers of that do not say. */
export const alertJsonSchema = objectSchema(
  { ...metricMembers, triggered_at: textSchema('RFC 3339') },
  {
    kind: choiceSchema(ALERT_KINDS),
    was: choiceSchema(ALERT_KINDS, 'what the same alert was before it became this'),
    severity: choiceSchema(ALERT_SEVERITIES),
    subject: textSchema('with the kind what the alert is raised once for: a peer id, a file'),
    message: textSchema('what is wrong, and what to do'),
    cleared_at: textSchema('RFC 3339; absent while it holds'),
  },
)
/** JSON of an alert. */
export type AlertJson = ValueOf<typeof alertJsonSchema>

/** JSON of an alert. One that is not about a metric has the kind as its name, and the time at which it was raised. */
export function toAlertJson(alert: ClusterAlert): AlertJson {
  const { kind, was, severity, subject, message, triggeredAtMs, clearedAtMs } = alert
  return {
    ...metricOf(alert),
    triggered_at: formatTime(triggeredAtMs),
    kind,
    ...(was === undefined ? {} : { was }),
    severity,
    subject,
    message,
    ...(clearedAtMs === undefined ? {} : { cleared_at: formatTime(clearedAtMs) }),
  }
}

function metricOf({ metric, kind, peer, triggeredAtMs }: ClusterAlert): MetricJson {
  if (metric !== undefined) return toMetricJson(metric)
  const at = toNanoseconds(triggeredAtMs)
  return {
    name: kind,
    peer,
    value: '',
    expire: at,
    valid: false,
    weight: 0,
    partitionable: false,
    received_at: at,
  }
}
