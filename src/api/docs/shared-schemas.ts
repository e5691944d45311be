import type { JsonSchema } from '../../lib/json-schema.ts'
import { addedJsonSchema } from '../../model/add-json.ts'
import { alertJsonSchema } from '../../model/alert-json.ts'
import { bulkAnswerJsonSchema } from '../../model/bulk-json.ts'
import { connectGraphJsonSchema, globalRepoGcJsonSchema } from '../../model/graph-json.ts'
import { metricJsonSchema } from '../../model/metric-json.ts'
import { peerJsonSchema } from '../../model/peer-json.ts'
import { pinJsonSchema } from '../../model/pin-json.ts'
import { pinsetJsonSchema, trustJsonSchema } from '../../model/pinset-json.ts'
import { globalPinInfoJsonSchema } from '../../model/status-json.ts'
import { newTokenJsonSchema, tokenJsonSchema } from '../../model/token-json.ts'

/** Names of the documents that several routes answer with, or that are large; all others stand where they are used. */
export const sharedSchemas: readonly (readonly [string, JsonSchema<unknown>])[] = [
  ['Added', addedJsonSchema],
  ['Alert', alertJsonSchema],
  ['BulkAnswer', bulkAnswerJsonSchema],
  ['ConnectGraph', connectGraphJsonSchema],
  ['Metric', metricJsonSchema],
  ['NewToken', newTokenJsonSchema],
  ['Peer', peerJsonSchema],
  ['Pin', pinJsonSchema],
  ['PinStatus', globalPinInfoJsonSchema],
  ['Pinset', pinsetJsonSchema],
  ['RepoGc', globalRepoGcJsonSchema],
  ['Token', tokenJsonSchema],
  ['Trust', trustJsonSchema],
]
