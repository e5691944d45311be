import { CODES } from '../../errors.ts'
import { choiceSchema, integerSchema, objectSchema, textSchema } from '../../lib/json-schema.ts'
import { STREAM_ERROR } from '../replies.ts'
import type { ApiDescription } from './openapi.ts'
import { sharedSchemas } from './shared-schemas.ts'

const INTRODUCTION = `The API of one peer of a cluster that keeps content pinned on IPFS. Every peer answers for the whole cluster.

**Parameters** stand in the URL. The first value of a repeated one counts, unknown ones are passed over, and \`meta-<key>=<value>\` are metadata.

**Errors** are \`{"code", "message", "reason"}\`: the HTTP status, a text for people, and a code that programs can rely on.

**Streams** are sequences: one JSON document a line, with the schema that is given; they begin at once and may be of any length. When one breaks off, the trailer \`${STREAM_ERROR}\` says why; it is empty when all is well. Clients that cannot read trailers send \`Accept: application/x-ndjson\`: what ended such a stream is then its last line, with the schema \`Error\`. A list without entries is a 204.

**Scopes**, each including the ones before it: \`read\`, \`pin\`, \`admin\`. Callers without credentials have what the configuration gives them. Users with a password may do everything, API tokens what they were made for.`

/** What the document of the REST API says besides its routes. */
export const restDescription: ApiDescription = {
  title: 'Pinfold',
  introduction: INTRODUCTION,
  bearer: 'An API token, or what POST /token answers',
  sharedSchemas,
  error: objectSchema({
    code: { ...integerSchema, description: 'HTTP status' },
    message: textSchema('what failed and what to do about it, for people'),
    reason: choiceSchema(Object.keys(CODES), 'the same for programs'),
  }),
  errorWith: (status, reasons) => ({ properties: { code: { const: status }, reason: { enum: reasons } } }),
}
