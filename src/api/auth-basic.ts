import { createHash, timingSafeEqual } from 'node:crypto'

/** User and password of a request. */
export interface UserPassword {
  readonly user: string
  readonly password: string
}

/** What an `Authorization: Basic` header says (RFC 7617); undefined when it is no such header, or malformed. */
export function parseBasic(header: string | undefined): UserPassword | undefined {
  const [, encoded] = /^basic ([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '') ?? []
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Says whether somebody is a known user with the right password. Takes equally long for wrong users and passwords. */
export function passwordCheck(users: ReadonlyMap<string, string>): (given: UserPassword) => boolean {
  const known = new Map([...users].map(([user, password]) => [user, digest(password)]))
  const nobody = digest('')
  return given => {
    const expected = known.get(given.user)
    const isEqual = timingSafeEqual(digest(given.password), expected ?? nobody)
    return isEqual && expected !== undefined && given.user !== '' && given.password !== ''
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
