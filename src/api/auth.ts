import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import { ClusterError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { PeerId } from '../model/peer.ts'
import { type AccessScope, covers, isTokenLike } from '../model/token.ts'
import { parseBasic, passwordCheck } from './auth-basic.ts'
import { issueJwt, userOfJwt } from './auth-jwt.ts'
import { peerOfConnection } from './over-peers.ts'
import type { Quota } from './tokens/quota.ts'
import type { Tokens } from './tokens/tokens.ts'

/** Who asks, what he may do, and how much of it. */
export interface Caller {
  readonly kind: 'anonymous' | 'user' | 'token' | 'certificate' | 'peer'
  /** Name of the user, the token or the certificate, or the peer's id; '' for anonymous. */
  readonly name: string
  readonly scope: AccessScope
  /** Undefined = no limits. `limitCluster` applies those on pins and bytes. */
  readonly quota: Quota | undefined
}

/** Why a request is not let in, and what to send as `WWW-Authenticate`. */
export interface AuthRefusal {
  readonly error: ClusterError
  readonly challenges: readonly string[]
}

/** Who is let in. */
export interface GateConfig {
  /** User → password; undefined = there are none, and nobody is asked for a password. */
  readonly basicAuth: Readonly<Record<string, string>> | undefined
  /** What callers without credentials may do; undefined = nothing. */
  readonly anonymousScope: AccessScope | undefined
  /** What callers with a good client certificate may do. */
  readonly certificateScope: AccessScope
  /** What peers may do that ask over the cluster's network; others need other credentials there. */
  readonly peerScopes: ReadonlyMap<PeerId, AccessScope>
}

/** Finds out who asks. Every API has one, over the same tokens. */
export interface Gate {
  /** Who sends this request, or why nobody is let in. Reads headers and the TLS connection only; it neither waits nor throws. */
  admit(request: IncomingMessage): Caller | AuthRefusal
  /** A JSON Web Token for a user. Throws `UNAUTHENTICATED` for who is none. */
  issueJwt(caller: Caller): string
}

const REALM = 'realm="Restricted IPFS Cluster API"'
const refusal = (message: string, ...challenges: string[]): AuthRefusal => ({
  error: new ClusterError('UNAUTHENTICATED', message),
  challenges,
})
const NOTHING_USABLE = refusal('unauthorized: no auth provided', `Bearer ${REALM}`, `Basic ${REALM}`)
const WRONG_BASIC = refusal('unauthorized: access denied', `Basic ${REALM}`)
const INVALID = `Bearer ${REALM}, error="invalid_token"`
const WRONG_TOKEN = refusal('unauthorized: invalid token', INVALID)
const EXPIRED_TOKEN = refusal('unauthorized: the token has expired', INVALID)

/** Whether nobody was let in. */
export function isRefusal(found: Caller | AuthRefusal): found is AuthRefusal {
  return 'challenges' in found
}

/** Throws `FORBIDDEN` unless the caller may do what needs the scope; `what` names it, as in `POST /pins/:hash`. */
export function authorise(caller: Caller, scope: AccessScope, what: string): void {
  if (covers(caller.scope, scope)) return
  throw new ClusterError(
    'FORBIDDEN',
    `${what} needs the scope "${scope}": ${nameOf(caller)} has "${caller.scope}"`,
  )
}

/** A caller in words, as in `token "ci"`. */
export function nameOf({ kind, name }: Caller): string {
  return kind === 'anonymous' ? 'a caller without credentials' : `${kind} "${name}"`
}

/**
 * The gate of the given settings. An API token (`Bearer pf_…`, or as the password of any user) is always looked at; user
 * and password or a JWT only when there are users, as in the reference; then a client certificate; then who has none.
 */
export function makeGate(
  parts: { readonly tokens: Tokens; readonly clock: Clock },
  config: GateConfig,
): Gate {
  const { tokens, clock } = parts
  const users = new Map(Object.entries(config.basicAuth ?? {}))
  const isRight = passwordCheck(users)
  const byToken = (text: string): Caller | AuthRefusal => {
    const known = tokens.find(text)
    if (known === undefined) return WRONG_TOKEN
    const { name, scope, expiresMs } = known.token
    if (expiresMs !== undefined && clock.now() >= expiresMs) return EXPIRED_TOKEN
    return { kind: 'token', name, scope, quota: known.quota }
  }
  const user = (name: string): Caller => ({ kind: 'user', name, scope: 'admin', quota: undefined })
  const byUser = (header: string): Caller | AuthRefusal => {
    const basic = parseBasic(header)
    if (basic !== undefined) return isRight(basic) ? user(basic.user) : WRONG_BASIC
    const bearer = bearerOf(header)
    if (bearer === undefined) return NOTHING_USABLE
    const name = userOfJwt(bearer, users, clock.now())
    return name === undefined ? WRONG_TOKEN : user(name)
  }
  /** Programs that know only users and passwords send a token as the password of a user that there is not. */
  const passwordOfNobody = (header: string): string | undefined => {
    const basic = parseBasic(header)
    return basic === undefined || users.has(basic.user) ? undefined : basic.password
  }
  const withoutHeader = (request: IncomingMessage): Caller | AuthRefusal => {
    const { anonymousScope, certificateScope, peerScopes } = config
    const peer = peerOfConnection(request.socket)
    if (peer !== undefined) {
      const scope = peerScopes.get(peer)
      return scope === undefined ? NOTHING_USABLE : { kind: 'peer', name: peer, scope, quota: undefined }
    }
    const name = certificateName(request)
    if (name !== undefined) return { kind: 'certificate', name, scope: certificateScope, quota: undefined }
    if (anonymousScope === undefined) return NOTHING_USABLE
    return { kind: 'anonymous', name: '', scope: anonymousScope, quota: undefined }
  }
  return {
    admit(request) {
      const { authorization: header = '' } = request.headers
      const text = bearerOf(header) ?? passwordOfNobody(header)
      if (text !== undefined && isTokenLike(text)) return byToken(text)
      return header === '' || config.basicAuth === undefined ? withoutHeader(request) : byUser(header)
    },
    issueJwt({ kind, name }) {
      const password = kind === 'user' ? users.get(name) : undefined
      if (password === undefined) throw new ClusterError('UNAUTHENTICATED', 'unauthorized')
      return issueJwt(name, password)
    },
  }
}

/** The text behind `Bearer`, undefined for another header. */
function bearerOf(header: string): string | undefined {
  return /^bearer /i.test(header) ? header.slice('bearer '.length).trim() : undefined
}

/** The subject of the client's certificate, when it was checked and is good. */
function certificateName({ socket }: IncomingMessage): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
  const subject: Partial<Record<string, string | string[]>> | undefined = socket.getPeerCertificate().subject
  const name = [subject?.['CN'] ?? ''].flat()[0]
  return name === undefined || name === '' ? 'without a name' : name
}

const callers = new WeakMap<IncomingMessage, Caller>()

/** Remembers who sends a request, for whoever handles it. */
export function setCaller(request: IncomingMessage, caller: Caller): void {
  callers.set(request, caller)
}

/** Who sends a request that was let in. */
export function callerOf(request: IncomingMessage): Caller {
  const caller = callers.get(request)
  if (caller === undefined) throw new ClusterError('INTERNAL', 'a request came past the gate')
  return caller
}

/** Whether a request was let in. */
export function isKnown(request: IncomingMessage): boolean {
  return callers.has(request)
}
