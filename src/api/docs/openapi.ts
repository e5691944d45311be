import { CODES, type Code } from '../../errors.ts'
import type { JsonSchema } from '../../lib/json-schema.ts'
import { VERSION } from '../../lib/version.ts'
import { STREAM_ERROR } from '../replies.ts'
import type { Route } from '../routes.ts'

type Json = Readonly<Record<string, unknown>>

/** Form of the document, as in its member `openapi`. */
export const OPENAPI_VERSION = '3.1.0'

/** What the documents of two APIs differ in besides their routes. */
export interface ApiDescription {
  readonly title: string
  /** Markdown. */
  readonly introduction: string
  /** What may be sent as a bearer token. */
  readonly bearer: string
  /** Documents by the names that they have in the text, wherever they stand. */
  readonly sharedSchemas: readonly (readonly [string, JsonSchema<unknown>])[]
  /** The document of every error. */
  readonly error: JsonSchema<unknown>
  /** What is true of the errors of one status besides. */
  readonly errorWith: (status: number, reasons: readonly Code[]) => Json
}

/** A row of a table, and the status of a good answer that is neither 200 nor 204. */
type AnyRoute = Route & { readonly status?: 202 }

/** The OpenAPI document of a table of routes. */
export function toOpenApi(
  table: Readonly<Record<string, AnyRoute>>,
  api: ApiDescription,
): Json & { readonly openapi: string } {
  const { sharedSchemas: shared } = api
  const paths: Record<string, Record<string, Json>> = {}
  for (const [name, route] of Object.entries(table)) {
    const path = pathOf(route)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(name, route, api) }
  }
  const errors = statuses().map(status => [`Error${status}`, errorOf(status, api)] as const)
  return {
    openapi: OPENAPI_VERSION,
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: api.title,
      version: VERSION,
      description: api.introduction,
      license: { name: 'MIT OR Apache-2.0', identifier: 'MIT OR Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: {
        Error: api.error,
        ...Object.fromEntries(shared.map(([name, schema]) => [name, within(schema, shared)])),
      },
      responses: Object.fromEntries(errors),
      securitySchemes: {
        user: {
          type: 'http',
          scheme: 'basic',
          description: 'A user of the configuration, or any name with an API token as password',
        },
        token: { type: 'http', scheme: 'bearer', description: api.bearer },
      },
    },
  }
}

/** A path as OpenAPI writes it. The rest of a path (`*`) has slashes in it, which OpenAPI cannot say; the text does. */
export function pathOf({ path }: Pick<Route, 'path'>): string {
  return path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}')
}

function operationOf(name: string, route: AnyRoute, api: ApiDescription): Json {
  const { scope, summary } = route
  const [first = summary] = summary.split(/[:.;(] ?/, 1)
  const needs = scope === 'open' ? 'Needs no credentials.' : `Needs the scope \`${scope}\`.`
  const query = route.query === undefined ? [] : queryParameters(route.query)
  const body = bodyOf(route, api)
  return {
    operationId: name,
    summary: first,
    description: `${summary}. ${needs}`,
    tags: [tagOf(route)],
    ...(scope === 'open' ? { security: [] } : { security: [{ token: [scope] }, { user: [scope] }, {}] }),
    'x-scope': scope,
    parameters: [...pathParameters(route), ...query],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...goodAnswers(name, route, api), ...errorAnswers(route) },
  }
}

function tagOf({ path }: Route): string {
  return path.split('/')[1] ?? ''
}

function propertiesOf(schema: Json): readonly (readonly [string, Json])[] {
  const { properties } = schema
  return typeof properties === 'object' && properties !== null ? Object.entries(properties) : []
}

function pathParameters({ params }: Route): readonly Json[] {
  return propertiesOf(params ?? {}).map(([name, schema]) => parameter(name, 'path', schema))
}

function queryParameters(query: Json): readonly Json[] {
  const said = propertiesOf(query).map(([name, schema]) => parameter(name, 'query', schema))
  if (query['patternProperties'] === undefined) return said
  return [
    ...said,
    {
      name: 'metadata',
      in: 'query',
      description: 'Metadata, each as a parameter of its own: `meta-<key>=<value>`',
      style: 'form',
      explode: true,
      schema: {
        type: 'object',
        propertyNames: { pattern: '^meta-.+' },
        additionalProperties: { type: 'string' },
      },
    },
  ]
}

function parameter(name: string, place: 'path' | 'query', schema: Json): Json {
  const { description, allowEmptyValue, ...rest } = schema
  return {
    name,
    in: place,
    ...(place === 'path' ? { required: true } : {}),
    ...(allowEmptyValue === true ? { allowEmptyValue } : {}),
    ...(typeof description === 'string' && description !== '' ? { description } : {}),
    ...formOf(rest),
  }
}

/** How a value is written in a URL: lists with commas, documents as JSON, all others as they are. */
function formOf(schema: Json): Json {
  if (schema['type'] === 'array') return { style: 'form', explode: false, schema }
  if (schema['type'] === 'object') return { content: { 'application/json': { schema } } }
  return { schema: 'enum' in schema ? { type: 'string', ...schema } : schema }
}

function bodyOf({ body }: Route, { sharedSchemas }: ApiDescription): Json | undefined {
  if (body === undefined) return undefined
  if (body === 'lines') {
    const description =
      'One pin a line, of any length; the answers to the first lines come while the last are still sent. ' +
      'Also as application/ndjson, application/jsonl and application/x-jsonlines'
    return {
      required: true,
      description,
      content: { 'application/x-ndjson': { schema: { type: 'string' } } },
    }
  }
  if (body === 'upload') {
    const description =
      'One part an entry, depth first. The percent-encoded `filename` is its path. A part with the Content-Type ' +
      'application/x-directory is a directory, one with application/symlink a symbolic link whose target is the content'
    const schema = {
      type: 'object',
      properties: {
        file: { type: 'array', items: { type: 'string', contentMediaType: 'application/octet-stream' } },
      },
      required: ['file'],
    }
    return { required: true, description, content: { 'multipart/form-data': { schema } } }
  }
  return { required: true, content: { 'application/json': { schema: refTo(body, sharedSchemas) } } }
}

function goodAnswers(name: string, route: AnyRoute, { sharedSchemas }: ApiDescription): Json {
  if (route.reply === undefined) return { [route.status ?? 204]: { description: 'Done' } }
  if (route.isPage === true)
    return { 200: { description: 'The page', content: { 'text/html': { schema: { type: 'string' } } } } }
  const schema = refTo(route.reply, sharedSchemas)
  if (route.streams !== true)
    return {
      [route.status ?? 200]: { description: 'The answer', content: { 'application/json': { schema } } },
    }
  if (route.isEvents === true) {
    const description =
      'Server-sent events without end: in each, the line `data` is one document of this schema, `id` its id and `event` its kind'
    const content = { 'text/event-stream': { schema, 'x-sequence': 'one JSON document an event' } }
    return { 200: { description, content } }
  }
  const isArrayToo = name === 'add'
  const whole = isArrayToo ? ', or with stream-channels=false one list of them at the end' : ''
  const type = route.body === 'lines' ? 'application/x-ndjson' : 'application/json'
  const list = isArrayToo ? { anyOf: [schema, { type: 'array', items: schema }] } : schema
  const sequence = { schema: list, 'x-sequence': 'one JSON document a line' }
  return {
    200: {
      description: `A sequence: one document of this schema a line${whole}. The schema is that of a line, not of the whole`,
      headers: { Trailer: { description: `Announces ${STREAM_ERROR}`, schema: { const: STREAM_ERROR } } },
      content:
        type === 'application/json'
          ? { [type]: sequence, 'application/x-ndjson': sequence }
          : { [type]: sequence },
      'x-trailers': {
        [STREAM_ERROR]: {
          description: 'What ended the sequence; empty when it is whole',
          schema: { type: 'string' },
        },
      },
    },
    ...(isArrayToo ? {} : { 204: { description: 'There is nothing to list' } }),
  }
}

function statuses(): readonly number[] {
  return [...new Set(Object.values(CODES).map(({ status }) => status))].sort((a, b) => a - b)
}

/** Which errors a route may answer with, by what it is given: the rows do not say it. */
function errorAnswers(route: Route): Json {
  if (route.scope === 'open') return {}
  const isFound = route.params !== undefined
  const isChange = route.method !== 'GET'
  const fitting: Readonly<Record<number, boolean>> = {
    400: isFound || route.query !== undefined || route.body !== undefined,
    404: isFound,
    409: isChange,
    413: route.body !== undefined,
  }
  const possible = statuses().filter(status => fitting[status] ?? true)
  const answers = Object.fromEntries(
    possible.map((status): [string, Json] => [
      String(status),
      { $ref: `#/components/responses/Error${status}` },
    ]),
  )
  if (route.body !== 'upload') return answers
  const description =
    'What ended an upload whose records are answered as one list, with the reason of any status'
  const schema = { $ref: '#/components/schemas/Error' }
  return { ...answers, 500: { description, content: { 'application/json': { schema } } } }
}

function errorOf(status: number, api: ApiDescription): Json {
  const reasons = (Object.keys(CODES) as Code[]).filter(code => CODES[code].status === status)
  const texts = reasons.map(
    code => `\`${code}\`: ${CODES[code].says}${CODES[code].retry ? ' (may succeed later)' : ''}`,
  )
  const narrowed = api.errorWith(status, reasons)
  return {
    description: texts.join('. '),
    content: {
      'application/json': { schema: { allOf: [{ $ref: '#/components/schemas/Error' }, narrowed] } },
    },
  }
}

type Shared = ApiDescription['sharedSchemas']

/** A reference where the schema is shared, the schema itself otherwise. */
function refTo(schema: Json, shared: Shared): Json {
  const known = shared.find(([, one]) => one === schema)
  return known === undefined ? within(schema, shared) : { $ref: `#/components/schemas/${known[0]}` }
}

/** The schema with references to the shared ones within it. */
function within(schema: Json, shared: Shared): Json {
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    if (key === 'properties')
      return [key, Object.fromEntries(propertiesOf(schema).map(([name, one]) => [name, refTo(one, shared)]))]
    if (key === 'items' || key === 'additionalProperties')
      return [key, isSchema(value) ? refTo(value, shared) : value]
    return key === 'anyOf' && Array.isArray(value)
      ? [key, value.map(one => (isSchema(one) ? refTo(one, shared) : one))]
      : [key, value]
  })
  return Object.fromEntries(entries)
}

function isSchema(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}
