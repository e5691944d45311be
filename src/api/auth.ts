import { createHash, timingSafeEqual } from 'node:crypto'
import { ClusterError } from '../errors.ts'

const REALM = 'realm="Restricted IPFS Cluster API"'

/** Why a request is not let in, and what to send as `WWW-Authenticate`. */
export interface AuthRefusal {
  readonly error: ClusterError
  readonly challenges: readonly string[]
}

/** Says whether an `Authorization` header lets a request in. */
export type Authenticate = (header: string | undefined) => AuthRefusal | undefined

const NOTHING_USABLE: AuthRefusal = {
  error: new ClusterError('UNAUTHENTICATED', 'unauthorized: no auth provided'),
  challenges: [`Bearer ${REALM}`, `Basic ${REALM}`],
}
const WRONG_BASIC: AuthRefusal = {
  error: new ClusterError('UNAUTHENTICATED', 'unauthorized: access denied'),
  challenges: [`Basic ${REALM}`],
}

/** Lets in whoever names one of the users with its password (RFC 7617). Takes equally long for wrong users and passwords. */
export function basicAuthentication(credentials: Readonly<Record<string, string>>): Authenticate {
  const known = new Map(Object.entries(credentials).map(([user, password]) => [user, digest(password)]))
  const nobody = digest('')
  return header => {
    const given = parseBasic(header)
    if (given === undefined) return NOTHING_USABLE
    const expected = known.get(given.user)
    const isEqual = timingSafeEqual(digest(given.password), expected ?? nobody)
    return isEqual && expected !== undefined && given.user !== '' && given.password !== ''
      ? undefined
      : WRONG_BASIC
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function parseBasic(header: string | undefined): { user: string; password: string } | undefined {
  const [, encoded] = /^basic ([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '') ?? []
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}
