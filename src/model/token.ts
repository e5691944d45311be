import { createHash } from 'node:crypto'
import { ClusterError } from '../errors.ts'
import type { Random } from '../lib/random.ts'

/** What a caller may do, each including the ones before it: look, change pins, change the cluster and who may do what. */
export const ACCESS_SCOPES = ['read', 'pin', 'admin'] as const
/** What a caller may do. */
export type AccessScope = (typeof ACCESS_SCOPES)[number]

/** Whether who has the one scope may do what needs the other. */
export function covers(has: AccessScope, needed: AccessScope): boolean {
  return ACCESS_SCOPES.indexOf(has) >= ACCESS_SCOPES.indexOf(needed)
}

/** Bounds of what is done with a token; 0 = none. */
export interface TokenLimits {
  readonly requestsPerSecond: number
  /** Pins made with it in all: every pin that was answered with success counts, and unpinning gives none back. */
  readonly pins: number
  /** Content taken in by adds in all, bytes; what is sent counts, also when adding it fails later. */
  readonly bytes: number
}

/** What was done with a token so far. */
export interface TokenUse {
  readonly pins: number
  readonly bytes: number
  /** Unix milliseconds; undefined = never. */
  readonly lastMs: number | undefined
}

/** An API token as it is kept: whoever has the text whose hash this is, is let in. */
export interface Token {
  readonly name: string
  readonly scope: AccessScope
  /** SHA-256 of the token's text, lower-case hexadecimal. */
  readonly hash: string
  readonly createdMs: number
  /** Unix milliseconds; undefined = never. */
  readonly expiresMs: number | undefined
  readonly limits: TokenLimits
}

const PREFIX = 'pf_'
const SECRET_BYTES = 32
const TEXT = /^pf_[A-Za-z0-9_-]{43}$/

/** A new token: 256 bits that nobody can guess. */
export function makeTokenText(random: Random): string {
  return PREFIX + Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url')
}

/** Whether a text wants to be an API token, right or wrong. */
export function isTokenLike(text: string): boolean {
  return text.startsWith(PREFIX)
}

/** SHA-256 of a token's text; undefined for a text that no token has. */
export function hashOfToken(text: string): string | undefined {
  return TEXT.test(text) ? createHash('sha256').update(text).digest('hex') : undefined
}

/** A name that a token may have. Throws `INVALID_ARGUMENT`. */
export function parseTokenName(text: unknown): string {
  if (typeof text === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)) return text
  throw new ClusterError(
    'INVALID_ARGUMENT',
    'a token needs a name of 1 to 64 letters, digits, ".", "_" and "-", beginning with a letter or digit',
  )
}

/** A scope by its word. Throws `INVALID_ARGUMENT`. */
export function parseScope(text: unknown): AccessScope {
  const scope = ACCESS_SCOPES.find(word => word === text)
  if (scope !== undefined) return scope
  throw new ClusterError(
    'INVALID_ARGUMENT',
    `the scope of a token is one of ${ACCESS_SCOPES.join(', ')}, not ${JSON.stringify(text ?? null).slice(0, 40)}`,
  )
}
