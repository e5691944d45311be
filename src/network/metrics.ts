import type { MetricTable } from '../lib/instruments.ts'

/** What the network tells Prometheus. */
export const networkMetrics = {
  peers: {
    name: 'ipfscluster_network_peers',
    kind: 'gauge',
    help: 'Other peers with an open connection',
  },
  connections: {
    name: 'ipfscluster_network_connections',
    kind: 'gauge',
    help: 'Open connections; two peers may have more than one',
  },
  knownPeers: {
    name: 'ipfscluster_network_known_peers',
    kind: 'gauge',
    help: 'Peers whose addresses are known, connected or not',
  },
  dialFailures: {
    name: 'ipfscluster_network_dial_failures_total',
    kind: 'counter',
    help: 'Attempts to connect to a known peer that failed',
  },
  secretMismatches: {
    name: 'ipfscluster_network_secret_mismatches_total',
    kind: 'counter',
    help: 'Connections that ended before they were authenticated, most often for a wrong cluster secret',
  },
  deafPeers: {
    name: 'ipfscluster_network_deaf_peers_total',
    kind: 'counter',
    help: 'Connections closed and opened anew because gossip over them had died',
  },
  published: {
    name: 'ipfscluster_network_gossip_published_total',
    kind: 'counter',
    help: 'Messages published by this peer',
  },
  received: {
    name: 'ipfscluster_network_gossip_received_total',
    kind: 'counter',
    help: 'Published messages of other peers that came to a subscriber here',
  },
  publishFailures: {
    name: 'ipfscluster_network_gossip_publish_failures_total',
    kind: 'counter',
    help: 'Own messages that could not be handed to any peer',
  },
  requests: {
    name: 'ipfscluster_network_requests_total',
    kind: 'counter',
    help: 'Request streams opened to other peers',
  },
  requestFailures: {
    name: 'ipfscluster_network_request_failures_total',
    kind: 'counter',
    help: 'Request streams to other peers that failed',
  },
  answered: {
    name: 'ipfscluster_network_answered_total',
    kind: 'counter',
    help: 'Request streams of other peers',
  },
} as const satisfies MetricTable
