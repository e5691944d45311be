/** A key of ipfs-cluster's own configuration that has no setting here. */
interface ReferenceOnly {
  readonly path: string
  /** `fault`: the peer does not start with it. `note`: said at start. `silent`: harmless. */
  readonly kind: 'fault' | 'note' | 'silent'
  readonly says: string
}

const MOVE_DATA =
  'the data of this peer lies in datastore.level. To keep an existing pinset, list it there with "ipfs-cluster-ctl --enc=json pin ls" and pin it here with "cluster-ctl pin add"'

const ROWS: readonly ReferenceOnly[] = [
  {
    path: 'consensus.raft',
    kind: 'fault',
    says: 'is not offered: peers agree by consensus.crdt. To keep an existing pinset, list it there with "ipfs-cluster-ctl --enc=json pin ls", run "cluster-service init" here, and pin it with "cluster-ctl pin add"',
  },
  { path: 'datastore.pebble', kind: 'note', says: `is not used: ${MOVE_DATA}` },
  { path: 'datastore.badger', kind: 'note', says: `is not used: ${MOVE_DATA}` },
  { path: 'datastore.badger3', kind: 'note', says: `is not used: ${MOVE_DATA}` },
  { path: 'datastore.leveldb', kind: 'note', says: `is not used: ${MOVE_DATA}` },
  { path: 'state', kind: 'silent', says: 'has had no meaning for long' },
  {
    path: 'cluster.id',
    kind: 'silent',
    says: 'belongs to identity.json, and is read from here if that is missing',
  },
  { path: 'cluster.private_key', kind: 'silent', says: 'belongs to identity.json' },
  {
    path: 'consensus.crdt.rebroadcast_interval',
    kind: 'note',
    says: 'is not used: peers compare digests instead',
  },
  {
    path: 'consensus.crdt.peerset_metric',
    kind: 'note',
    says: 'is not used: peers are known by their heartbeat',
  },
  { path: 'consensus.crdt.datastore_namespace', kind: 'note', says: 'is not used' },
  ...['libp2p_listen_multiaddress', 'id', 'private_key'].flatMap(key =>
    ['restapi', 'pinsvcapi'].map(
      api =>
        ({
          path: `api.${api}.${key}`,
          kind: 'note',
          says: 'is not used: the API is served over HTTP only',
        }) as const,
    ),
  ),
]

const BY_PATH = new Map(ROWS.map(row => [row.path, row]))

/** Whether a key belongs to ipfs-cluster's configuration and to ours not. */
export function isReferenceOnly(keys: readonly string[]): boolean {
  return BY_PATH.has(keys.join('.'))
}

/** What to say about such a key, undefined when it is one of ours or nobody's. */
export function referenceOnly(keys: readonly string[]): ReferenceOnly | undefined {
  return BY_PATH.get(keys.join('.'))
}
