import { ClusterError } from '../errors.ts'
import { choiceSchema, integerSchema, objectSchema, textSchema, type ValueOf } from '../lib/json-schema.ts'
import { formatTime, parseTime } from './time-json.ts'
import {
  ACCESS_SCOPES,
  parseScope,
  parseTokenName,
  type Token,
  type TokenLimits,
  type TokenUse,
} from './token.ts'

const limits = {
  requests_per_second: integerSchema,
  pins: integerSchema,
  bytes: integerSchema,
}

/** JSON of a token: everything but its text, which nobody keeps. Limits of 0 are none; times of 0001-01-01 are none. */
export const tokenJsonSchema = objectSchema({
  name: textSchema(),
  scope: choiceSchema(ACCESS_SCOPES),
  hash: textSchema('SHA-256 of the token, hexadecimal'),
  created_at: textSchema('time'),
  expires_at: textSchema('time'),
  limits: objectSchema(limits),
  used: objectSchema({ pins: integerSchema, bytes: integerSchema, last_at: textSchema('time') }),
})
/** JSON of a token. */
export type TokenJson = ValueOf<typeof tokenJsonSchema>

/** What the making of a token asks for. */
export const newTokenJsonSchema = objectSchema(
  { name: textSchema(), scope: choiceSchema(ACCESS_SCOPES) },
  {
    expires_at: textSchema('time; absent = never'),
    hash: textSchema('of a token that exists already, so that it is good at this peer too'),
    limits: objectSchema({}, limits),
  },
)
/** What the making of a token asks for. */
export type NewTokenJson = ValueOf<typeof newTokenJsonSchema>

/** JSON of a token. */
export function toTokenJson(token: Token, used: TokenUse): TokenJson {
  return {
    name: token.name,
    scope: token.scope,
    hash: token.hash,
    created_at: formatTime(token.createdMs),
    expires_at: formatTime(token.expiresMs),
    limits: {
      requests_per_second: token.limits.requestsPerSecond,
      pins: token.limits.pins,
      bytes: token.limits.bytes,
    },
    used: { pins: used.pins, bytes: used.bytes, last_at: formatTime(used.lastMs) },
  }
}

/** A token as a document describes it; `hash` and `created_at` may be absent. Throws `INVALID_ARGUMENT`. */
export function parseTokenJson(
  value: unknown,
  absent: { readonly hash: string; readonly nowMs: number },
): Token {
  const document = membersOf(value, 'a token')
  const { hash = absent.hash } = document
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash))
    refuse('hash is the SHA-256 of a token: 64 lower-case hexadecimal digits')
  return {
    name: parseTokenName(document['name']),
    scope: parseScope(document['scope']),
    hash,
    createdMs: timeOf(document['created_at']) ?? absent.nowMs,
    expiresMs: timeOf(document['expires_at']),
    limits: parseLimits(document['limits']),
  }
}

/** What was used of a token by a document. Throws `INVALID_ARGUMENT`. */
export function parseTokenUse(value: unknown): TokenUse {
  const used = membersOf(membersOf(value, 'a token')['used'] ?? {}, 'used')
  return {
    pins: countOf(used, 'pins'),
    bytes: countOf(used, 'bytes'),
    lastMs: timeOf(used['last_at']),
  }
}

function parseLimits(value: unknown): TokenLimits {
  const given = membersOf(value ?? {}, 'limits')
  return {
    requestsPerSecond: countOf(given, 'requests_per_second'),
    pins: countOf(given, 'pins'),
    bytes: countOf(given, 'bytes'),
  }
}

type Members = Readonly<Record<string, unknown>>

function membersOf(value: unknown, what: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members
  return refuse(`${what} must be an object`)
}

function countOf(members: Members, name: string): number {
  const value = members[name] ?? 0
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  return refuse(`${name} must be a whole number, 0 or more`)
}

function timeOf(value: unknown): number | undefined {
  if (value === undefined || value === null || value === '') return undefined
  return typeof value === 'string'
    ? parseTime(value)
    : refuse('a time is a text such as 2030-01-31T12:00:00Z')
}

function refuse(message: string): never {
  throw new ClusterError('INVALID_ARGUMENT', message)
}
