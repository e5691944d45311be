import { createHmac, timingSafeEqual } from 'node:crypto'

/** Algorithm of a token → the hash of its signature. Nothing else is accepted, least of all `none`. */
const HASHES: ReadonlyMap<unknown, string> = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
])
const TOKEN = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

/**
 * A JSON Web Token (RFC 7519) for a user, signed with the password. It has no end: it is good until the password changes.
 * The same user always gets the same text, which is what clients of the reference know.
 */
export function issueJwt(user: string, password: string): string {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ iss: user })}`
  return `${signed}.${createHmac('sha256', password).update(signed).digest('base64url')}`
}

/** The user for whom a token was issued, undefined when it is not good at the given time (Unix milliseconds). */
export function userOfJwt(
  token: string,
  users: ReadonlyMap<string, string>,
  nowMs: number,
): string | undefined {
  const [, head = '', body = '', signature = ''] = TOKEN.exec(token) ?? []
  const hash = HASHES.get(decode(head)?.['alg'])
  const claims = decode(body)
  const user = claims?.['iss']
  const password = typeof user === 'string' ? users.get(user) : undefined
  if (hash === undefined || claims === undefined || password === undefined || password === '')
    return undefined
  const expected = createHmac(hash, password).update(`${head}.${body}`).digest()
  const given = Buffer.from(signature, 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  return isWithin(claims, nowMs / 1000) && typeof user === 'string' ? user : undefined
}

/** Whether the times of a token, where it has any, allow it now: `exp` is the first second at which it is no longer good. */
function isWithin({ exp, nbf, iat }: Members, nowSeconds: number): boolean {
  const times = [exp ?? null, nbf ?? null, iat ?? null]
  if (times.some(time => time !== null && typeof time !== 'number')) return false
  if (typeof exp === 'number' && nowSeconds >= exp) return false
  return [nbf, iat].every(time => typeof time !== 'number' || nowSeconds >= time)
}

type Members = Readonly<Record<string, unknown>>

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Members) : undefined
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}
