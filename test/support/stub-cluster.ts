import type { Cluster } from '../../src/interfaces.ts'

/** A cluster for tests of what stands in front of one: answers with what it is given, everything else is a failure. */
export function stubCluster(members: Partial<Cluster>): Cluster {
  const unasked = (name: string) => () => {
    throw new Error(`the test did not expect a call of ${name}`)
  }
  return {
    id: unasked('id'),
    version: '0.0.0',
    peers: unasked('peers'),
    addPeer: unasked('addPeer'),
    pinset: unasked('pinset'),
    pinsets: unasked('pinsets'),
    trust: unasked('trust'),
    setTrusted: unasked('setTrusted'),
    care: {
      peers: unasked('care.peers'),
      say: unasked('care.say'),
      content: unasked('care.content'),
      drain: unasked('care.drain'),
      remove: unasked('care.remove'),
    },
    rebalance: {
      plan: unasked('rebalance.plan'),
      start: unasked('rebalance.start'),
      statuses: unasked('rebalance.statuses'),
      stop: unasked('rebalance.stop'),
      own: unasked('rebalance.own'),
      stopOwn: unasked('rebalance.stopOwn'),
    },
    replication: unasked('replication'),
    pin: unasked('pin'),
    pinPath: unasked('pinPath'),
    unpin: unasked('unpin'),
    unpinPath: unasked('unpinPath'),
    pinMany: unasked('pinMany'),
    unpinMany: unasked('unpinMany'),
    importPins: unasked('importPins'),
    allocation: unasked('allocation'),
    allocations: unasked('allocations'),
    explainAllocation: unasked('explainAllocation'),
    status: unasked('status'),
    statuses: unasked('statuses'),
    recover: unasked('recover'),
    recoverAll: unasked('recoverAll'),
    summaries: unasked('summaries'),
    why: unasked('why'),
    add: unasked('add'),
    gc: unasked('gc'),
    repoStat: unasked('repoStat'),
    graph: unasked('graph'),
    events: unasked('events'),
    alerts: unasked('alerts'),
    metricNames: unasked('metricNames'),
    metrics: unasked('metrics'),
    ...members,
  }
}
