import { toHex } from '../lib/bytes.ts'
import type { Random } from '../lib/random.ts'
import { type Document, readDocument } from './document.ts'
import type { Environment } from './environment.ts'
import { SECTION, SECTIONS } from './schema.ts'
import { defaults, dotted } from './section.ts'
import { defaultOf, type JsonObject, putAt, settingsOf, valueAt } from './setting.ts'

const SECRET_BYTES = 32

/**
 * Settings that few ever change, or that do nothing: left out of a new file as long as they have their defaults, as the
 * reference leaves them out. They count when they are written.
 */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'api.webhooks.hooks',
  'cluster.follower_mode',
  'cluster.peerstore_file',
  'consensus.crdt.batching.max_queue_size',
  'consensus.crdt.partitions',
  'consensus.crdt.memory_budget',
  'consensus.crdt.clock_drift_max',
  'api.ipfsproxy.anonymous_scope',
  'api.ipfsproxy.node_multiaddress',
  'api.ipfsproxy.node_https',
  'api.ipfsproxy.extract_headers_extra',
  'api.ipfsproxy.extract_headers_path',
  'api.ipfsproxy.extract_headers_ttl',
  'api.pinsvcapi.ssl_cert_file',
  'api.pinsvcapi.ssl_key_file',
  'api.pinsvcapi.anonymous_scope',
  'api.pinsvcapi.ssl_client_ca_file',
  'api.pinsvcapi.ssl_client_scope',
  'api.pinsvcapi.libp2p_listen_multiaddress',
  'api.pinsvcapi.id',
  'api.pinsvcapi.private_key',
  'api.restapi.ssl_cert_file',
  'api.restapi.ssl_key_file',
  'api.restapi.anonymous_scope',
  'api.restapi.ssl_client_ca_file',
  'api.restapi.ssl_client_scope',
  'api.restapi.libp2p_listen_multiaddress',
  'api.restapi.id',
  'api.restapi.private_key',
  'ipfs_connector.ipfshttp.unpin_disable',
  'ipfs_connector.embedded.unpin_disable',
  'pin_tracker.stateless.max_pin_queue_size',
  'observations.tracing.jaeger_agent_endpoint',
  'datastore.level.folder',
])

/** Changes that `init` makes to the defaults: setting → value. */
export type Changes = readonly { readonly keys: readonly string[]; readonly value: unknown }[]

/** A secret that nobody else has, as the file writes it. */
export function newSecret(random: Random): string {
  return toHex(random.bytes(SECRET_BYTES))
}

/**
 * The configuration of a new peer: the defaults with the changes, then the environment over it. Throws `CONFIG_INVALID`
 * with every fault of the environment.
 */
export function newDocument(changes: Changes, environment: Environment, where: string): Document {
  const file: JsonObject = {}
  for (const section of SECTIONS) if (section.isLeftOut !== true) putAt(file, section.keys, defaults(section))
  for (const { keys, value } of changes) putAt(file, keys, value)
  return readDocument(SECTIONS, file, environment, where)
}

/** The text of `service.json` for a configuration: two spaces, no line feed at the end. */
export function documentText(document: Document): string {
  const file: JsonObject = {}
  for (const section of SECTIONS) {
    const values = document.valuesOf(section)
    if (values === undefined) continue
    for (const { keys, schema } of settingsOf(section.schema)) {
      const value = valueAt(values, keys)
      const path = [...section.keys, ...keys]
      const isDefault = JSON.stringify(value) === JSON.stringify(defaultOf(schema))
      if (!(isDefault && LEFT_OUT.has(dotted(path)))) putAt(file, path, single(value, schema))
    }
  }
  return JSON.stringify(file, null, 2)
}

/** A list of one where a text is as good is written as the text, except the list that people add to. */
function single(value: unknown, schema: object): unknown {
  const isEither = 'anyOf' in schema && Array.isArray(value) && value.length === 1
  return isEither && schema !== SECTION.cluster.schema.properties['listen_multiaddress'] ? value[0] : value
}
