import { CODES } from '../../errors.ts'
import { choiceSchema, objectSchema, textSchema } from '../../lib/json-schema.ts'
import type { ApiDescription } from '../docs/openapi.ts'
import {
  pinJsonSchema,
  pinResultsJsonSchema,
  pinStatusJsonSchema,
  wantedJsonSchema,
} from './request-schema.ts'

const INTRODUCTION = `The [Pinning Service API](https://ipfs.github.io/pinning-services-api-spec/), version 1.0.0, of one peer of a cluster that keeps content pinned on IPFS. Every peer answers for the whole cluster.

**Parameters** stand in the URL. The first value of a repeated one counts, unknown ones are passed over, and empty ones but \`name\` count as absent.

**Errors** are \`{"error": {"reason", "details"}}\`: a code that programs can rely on, and a text for people.

**Requests** are those of the user or token who asks. Where nobody has to say who he is, all see all.`

/** What the document of the Pinning Service API says besides its routes. */
export const pinSvcDescription: ApiDescription = {
  title: 'Pinfold: Pinning Service API',
  introduction: INTRODUCTION,
  bearer: 'An API token, or what POST /token answers',
  sharedSchemas: [
    ['WantedPin', wantedJsonSchema],
    ['Pin', pinJsonSchema],
    ['PinStatus', pinStatusJsonSchema],
    ['PinResults', pinResultsJsonSchema],
  ],
  error: objectSchema({
    error: objectSchema({
      reason: choiceSchema(Object.keys(CODES), 'for programs'),
      details: textSchema('what failed and what to do about it, for people'),
    }),
  }),
  errorWith: (_status, reasons) => ({
    properties: { error: { properties: { reason: { enum: reasons } } } },
  }),
}
