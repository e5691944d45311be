import { type Static, Type } from 'typebox'
import { oneOrManySetting } from '../../lib/schema.ts'
import { type RestApiConfig, restApiSchema, toHttpConfig } from '../config.ts'

// Only the REST API is served over the network of the cluster.
const { libp2p_callers: _callers, ...shared } = restApiSchema.properties

/** Section `api.pinsvcapi` of service.json: the settings of the REST API, at another address. */
export const pinSvcSchema = Type.Object({
  ...shared,
  http_listen_multiaddress: oneOrManySetting(
    ['/ip4/127.0.0.1/tcp/9097'],
    'Where the Pinning Service API listens: one multiaddr or a list; /unix/<path> is a socket file',
  ),
})
/** Section `api.pinsvcapi` of service.json. */
export type PinSvcSection = Static<typeof pinSvcSchema>

/** The settings of the Pinning Service API. Throws `CONFIG_INVALID` as those of the REST API do. */
export function toPinSvcConfig(section: PinSvcSection, configFolder = '.'): RestApiConfig {
  return toHttpConfig({ ...section, libp2p_callers: {} }, configFolder, {
    section: 'api.pinsvcapi',
    prefix: 'CLUSTER_PINSVCAPI',
  })
}
