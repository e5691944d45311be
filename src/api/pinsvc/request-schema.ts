import {
  choiceSchema,
  dictionarySchema,
  integerSchema,
  type JsonSchema,
  listSchema,
  nullableSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../../lib/json-schema.ts'
import { NAME_MATCHES, REQUEST_BOUNDS, REQUEST_STATUSES } from '../../model/pin-request.ts'

const NAME = { maxLength: REQUEST_BOUNDS.nameLength }
const ORIGINS = { maxItems: REQUEST_BOUNDS.origins }

const nameSchema: JsonSchema<string> = {
  ...textSchema(`at most ${REQUEST_BOUNDS.nameLength} characters`),
  ...NAME,
}
const originsSchema: JsonSchema<readonly string[]> = {
  ...listSchema(textSchema('multiaddr with /p2p/<id>')),
  description: `where the content is, at most ${REQUEST_BOUNDS.origins} places`,
  ...ORIGINS,
}
const metaSchema = dictionarySchema(textSchema())

/** `null` for a member that may be missing says that it is. */
function orNull<Value>(schema: JsonSchema<Value>): JsonSchema<Value | null> {
  const { description, ...rest } = schema
  return {
    ...nullableSchema(rest as JsonSchema<Value>),
    ...(description === undefined ? {} : { description }),
  }
}

/** JSON of what is asked for: `Pin` of the specification. Unknown members are passed over. */
export const wantedJsonSchema = objectSchema(
  { cid: textSchema('CID of the content') },
  { name: orNull(nameSchema), origins: orNull(originsSchema), meta: orNull(metaSchema) },
)

/** The same as it is answered: what is empty is left out. */
export const pinJsonSchema = objectSchema(
  { cid: textSchema('CID of the content') },
  { name: nameSchema, origins: originsSchema, meta: metaSchema },
)

/** JSON of a request: `PinStatus` of the specification. */
export const pinStatusJsonSchema = objectSchema(
  {
    requestid: textSchema('unlike every other'),
    status: choiceSchema(REQUEST_STATUSES),
    created: { ...textSchema('RFC 3339'), format: 'date-time' } satisfies JsonSchema<string>,
    pin: pinJsonSchema,
    delegates: listSchema(textSchema('multiaddr of an IPFS node that is to have the content')),
  },
  { info: dictionarySchema(textSchema()) },
)
/** JSON of a request. */
export type PinStatusJson = ValueOf<typeof pinStatusJsonSchema>

/** JSON of a listing: `PinResults` of the specification. */
export const pinResultsJsonSchema = objectSchema({
  count: { ...integerSchema, minimum: 0, description: 'how many fit in all' } satisfies JsonSchema<number>,
  results: listSchema(pinStatusJsonSchema),
})

/** A list that is written with commas; the value here is its text. */
function commaList(items: JsonSchema<string>, description: string, bounds: object = {}): JsonSchema<string> {
  return { type: 'array', items, description, ...bounds }
}

function timeSchema(description: string): JsonSchema<string> {
  return { ...textSchema(description), format: 'date-time' }
}

const limitSchema: JsonSchema<string> = {
  type: 'integer',
  minimum: 1,
  maximum: REQUEST_BOUNDS.limit,
  description: `1 to ${REQUEST_BOUNDS.limit}; 10 when absent`,
}
const metaTextSchema: JsonSchema<string> = {
  type: 'object',
  additionalProperties: textSchema(),
  description: 'JSON object of texts, all of which must be there',
}

/** A parameter of which an empty value is none. */
function orEmpty<Value>(schema: JsonSchema<Value>): JsonSchema<Value> {
  return { ...schema, allowEmptyValue: true }
}

/** Query of a listing. Values are texts, as they stand in the URL. */
export const listQuerySchema = objectSchema(
  {},
  {
    cid: orEmpty(
      commaList(textSchema('CID'), `comma list of at most ${REQUEST_BOUNDS.cids} CIDs`, {
        maxItems: REQUEST_BOUNDS.cids,
      }),
    ),
    name: nameSchema,
    match: orEmpty(choiceSchema(NAME_MATCHES, 'how names are compared: exact when absent')),
    status: orEmpty(
      commaList(
        choiceSchema(REQUEST_STATUSES),
        `comma list of ${REQUEST_STATUSES.join(', ')}; all when absent`,
      ),
    ),
    before: orEmpty(timeSchema('RFC 3339; created before that')),
    after: orEmpty(timeSchema('RFC 3339; created after that')),
    limit: orEmpty(limitSchema),
    meta: metaTextSchema,
  },
)
