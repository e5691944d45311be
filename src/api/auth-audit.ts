import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ClusterError, toClusterError } from '../errors.ts'
import type { LogFields, Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { TokenBucket } from '../lib/token-bucket.ts'
import { callerOf, isKnown } from './auth.ts'
import type { BulkAnswers } from './bulk-handlers.ts'

/** Refusals that are logged at once, and then in a second. Guessing passwords must not fill the disk. */
const REFUSALS = { capacity: 20, perSecond: 1 }

const notes = new WeakMap<IncomingMessage, Record<string, unknown>>()

/** Adds to the audit line of a request: what it is about, or how it ended. Never a secret. */
export function note(request: IncomingMessage, fields: LogFields): void {
  notes.set(request, { ...notes.get(request), ...fields })
}

/** Says in the audit line why a request failed, also when its answer had begun by then. */
export function noteFailure(request: IncomingMessage, thrown: unknown): void {
  const { code, message } = toClusterError(thrown)
  note(request, { result: code, error: message })
}

/**
 * Answers to the lines of a bulk request that go by, the audit line saying how many there were (`lines`) and how many pins
 * were changed, left as they were and refused; also when the client has left in between.
 */
export async function* noteAnswers(request: IncomingMessage, answers: BulkAnswers): AsyncIterable<unknown> {
  try {
    yield* answers
  } finally {
    const { pinned, removed, unchanged, absent, failed } = answers.counts()
    const lines = answers.lines()
    note(request, { lines, changed: pinned + removed, unchanged: unchanged + absent, refused: failed })
  }
}

/** Records of an upload that go by, the audit line saying how many there were and what CID came last. */
export async function* noteDocuments(
  request: IncomingMessage,
  documents: AsyncIterable<unknown>,
): AsyncIterable<unknown> {
  let count = 0
  let cid: unknown
  try {
    for await (const document of documents) {
      count += 1
      if (typeof document === 'object' && document !== null && 'cid' in document) cid = document.cid ?? cid
      yield document
    }
  } finally {
    note(request, { lines: count, ...(cid === undefined ? {} : { cid }) })
  }
}

/** Writes down who changed what. */
export interface Audit {
  /** A request that was answered, or whose client has left. */
  ended(request: FastifyRequest, reply: FastifyReply): void
  /** A request that was not let in. */
  refused(request: FastifyRequest, error: ClusterError): void
}

/**
 * A line for every request that is meant to change something, however it ended, and lines for those that were not let in,
 * as many as are good for a log. Paths, CIDs and names are told, queries, bodies and credentials are not.
 */
export function makeAudit(logger: Logger, clock: Clock): Audit {
  const bucket = new TokenBucket(clock, REFUSALS)
  let untoldCount = 0
  return {
    ended(request, reply) {
      if (request.method === 'GET' || request.method === 'OPTIONS' || !isKnown(request.raw)) return
      const { kind, name } = callerOf(request.raw)
      logger.info('change', {
        // What the client chose comes first, so that it cannot stand in for who it is.
        ...toFields(request.params),
        result: resultOf(reply.statusCode),
        ...(reply.raw.writableFinished ? {} : { result: 'cut' }),
        ...notes.get(request.raw),
        caller: kind,
        ...(name === '' ? {} : { callerName: name }),
        remote: remoteOf(request.raw),
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        status: reply.statusCode,
      })
    },
    refused(request, error) {
      if (!bucket.tryTake(1)) {
        untoldCount += 1
        return
      }
      const fields = { remote: remoteOf(request.raw), method: request.method, error: error.message }
      logger.warn('a caller was not let in', untoldCount === 0 ? fields : { ...fields, untold: untoldCount })
      untoldCount = 0
    },
  }
}

/** A redirect has changed nothing yet. */
function resultOf(status: number): string {
  if (status < 300) return 'done'
  return status < 400 ? 'redirected' : 'refused'
}

/** Address of the other end; behind a reverse proxy that is the proxy. */
function remoteOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? 'local socket'
}

/** The variables of the path: a CID, a path, a peer or a name. */
function toFields(params: unknown): LogFields {
  const { '*': path, name: token, ...rest } = (params ?? {}) as Readonly<Record<string, string>>
  return { ...rest, ...(path === undefined ? {} : { path }), ...(token === undefined ? {} : { token }) }
}
