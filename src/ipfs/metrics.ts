import type { MetricTable } from '../lib/instruments.ts'

/** What a peer counts about its IPFS node. Names as dashboards of IPFS Cluster read them. */
export const IPFS_METRICS = {
  ipfsPins: {
    name: 'ipfscluster_pins_ipfs_pins',
    kind: 'gauge',
    help: 'Pins on the local IPFS node, as of the last full listing and the changes since',
  },
  pinAdd: {
    name: 'ipfscluster_pins_pin_add',
    kind: 'counter',
    help: 'Pins that the IPFS node was asked to make, without those that it had already',
  },
  pinAddErrors: {
    name: 'ipfscluster_pins_pin_add_errors',
    kind: 'counter',
    help: 'Pins that the IPFS node was asked to make and that failed',
  },
  blocksPut: {
    name: 'ipfscluster_blocks_put',
    kind: 'counter',
    help: 'Requests to the IPFS node to store blocks',
  },
  blocksAdded: {
    name: 'ipfscluster_blocks_added',
    kind: 'counter',
    help: 'Blocks stored on the IPFS node',
  },
  blocksAddedSize: {
    name: 'ipfscluster_blocks_added_size',
    kind: 'counter',
    help: 'Bytes in the blocks stored on the IPFS node',
    unit: 'By',
  },
  blocksPutErrors: {
    name: 'ipfscluster_blocks_put_errors',
    kind: 'counter',
    help: 'Requests to store blocks that failed',
  },
} as const satisfies MetricTable
