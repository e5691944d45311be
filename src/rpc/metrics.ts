import type { MetricTable } from '../lib/instruments.ts'

/** What calls between peers tell Prometheus. */
export const rpcMetrics = {
  calls: {
    name: 'ipfscluster_rpc_calls_total',
    kind: 'counter',
    help: 'Calls of procedures on other peers',
  },
  callFailures: {
    name: 'ipfscluster_rpc_call_failures_total',
    kind: 'counter',
    help: 'Calls on other peers that ended with an error',
  },
  callSeconds: {
    name: 'ipfscluster_rpc_call_duration_seconds',
    kind: 'histogram',
    help: 'From the start of a call on another peer to the end of its answer',
    unit: 's',
  },
  answered: {
    name: 'ipfscluster_rpc_answered_total',
    kind: 'counter',
    help: 'Calls of other peers',
  },
  answerFailures: {
    name: 'ipfscluster_rpc_answer_failures_total',
    kind: 'counter',
    help: 'Calls of other peers that were answered with an error',
  },
  refused: {
    name: 'ipfscluster_rpc_refused_total',
    kind: 'counter',
    help: 'Calls of other peers that were refused because the caller is not trusted',
  },
} as const satisfies MetricTable
