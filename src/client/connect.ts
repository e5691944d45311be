import type { AllocationsQuery } from '../api/query-schema.ts'
import type { InputOf, ReplyOf, Routes } from '../api/routes.ts'
import { formatJson } from '../lib/json.ts'
import type { AddedJson } from '../model/add-json.ts'
import type { BulkAnswerJson } from '../model/bulk-json.ts'
import type { EventJson } from '../model/event-json.ts'
import type { PinJson } from '../model/pin-json.ts'
import type { GlobalPinInfoJson } from '../model/status-json.ts'
import { type CallName, EVENT_STREAMS, ONCE, type Target, targetOf } from './calls.ts'
import { followEvents } from './follow-events.ts'
import { type Answer, type Ask, type Credentials, Peers } from './peers.ts'
import { parseDocument, readDocuments } from './read-answer.ts'
import { type Line, sendPieces } from './send-pieces.ts'
import { type AddSettings, type PinSettings, toAddQuery, toPinQuery } from './settings.ts'
import { toForm, type Upload } from './upload-form.ts'
import { type WaitSettings, waitForStatus } from './wait-for.ts'

export { ClusterError, type Code } from '../errors.ts'
export type { AddSettings, Credentials, Line, PinSettings, Upload, WaitSettings }

/** How a cluster is asked. */
export interface ConnectSettings {
  readonly auth?: Credentials
  /** How long a peer may be silent before the next one is asked, milliseconds. Default 30 seconds; 0 = for ever. */
  readonly timeoutMs?: number
  /** Default: that of the platform. */
  readonly fetch?: typeof fetch
}

/** Goes last into every call. */
export interface CallSettings {
  readonly signal?: AbortSignal
}

type EventsQuery = NonNullable<InputOf<Routes['events']>['query']>
type Lines = Iterable<Line> | AsyncIterable<Line>
type Plain = {
  [Name in CallName]: Routes[Name] extends { readonly body: 'lines' | 'upload' } ? never : Name
}[CallName]
type Listing = { [Name in Plain]: Routes[Name] extends { readonly streams: true } ? Name : never }[Plain]

/**
 * A cluster, asked through any of its peers. Documents are those of the API. Failures are `ClusterError`s with a `code`;
 * `details.status` is the HTTP status when a peer answered.
 */
export interface ClusterClient {
  /** Pins a CID or what a path such as `/ipns/docs.ipfs.tech` leads to. Answers when it is in the pinset. */
  pin(what: string, settings?: PinSettings & CallSettings): Promise<PinJson>
  unpin(what: string, settings?: CallSettings): Promise<PinJson>
  /** Adds files and pins their root, which is answered last. It goes to one peer, once. */
  add(files: Upload, settings?: AddSettings & CallSettings): AsyncIterable<AddedJson>
  /** Pins any number: a CID or a pin in JSON each. Answers come in order, when each is on disk. */
  pinMany(lines: Lines, settings?: PinSettings & CallSettings): AsyncIterable<BulkAnswerJson>
  unpinMany(lines: Lines, settings?: CallSettings): AsyncIterable<BulkAnswerJson>
  /** The pinset, in the order of its CIDs. */
  pins(query?: AllocationsQuery, settings?: CallSettings): AsyncIterable<PinJson>
  /** The state of one CID on every peer. */
  status(cid: string, settings?: CallSettings): Promise<GlobalPinInfoJson>
  /** The state of everything, or of what the filter names. */
  statuses(
    query?: { readonly filter?: string; readonly cids?: string },
    settings?: CallSettings,
  ): AsyncIterable<GlobalPinInfoJson>
  /**
   * What happens from now on, or behind the event whose id is `after`; goes on, at another peer if need be, when the
   * connection breaks. A `reset` says that events were missed: list anew what matters.
   */
  events(query?: EventsQuery, settings?: CallSettings): AsyncIterable<EventJson>
  /** Resolves when enough peers have pinned (or unpinned) a CID. */
  waitFor(cid: string, settings?: WaitSettings): Promise<GlobalPinInfoJson>
  /** Any route that answers with one document, by its `operationId` in the OpenAPI document. */
  call<Name extends Exclude<Plain, Listing>>(
    name: Name,
    input: InputOf<Routes[Name]>,
    settings?: CallSettings,
  ): Promise<ReplyOf<Routes[Name]>>
  /** Any route that answers with a stream. */
  list<Name extends Listing>(
    name: Name,
    input: InputOf<Routes[Name]>,
    settings?: CallSettings,
  ): AsyncIterable<ReplyOf<Routes[Name]>>
}

const TIMEOUT_MS = 30_000
const LINES = 'application/x-ndjson'

/**
 * A client of the cluster whose peers' APIs are at the hosts: URLs or multiaddrs. Nothing is sent before the first call.
 * Throws `INVALID_ARGUMENT` for a wrong address.
 */
export function connect(hosts: string | readonly string[], settings: ConnectSettings = {}): ClusterClient {
  const { auth, timeoutMs = TIMEOUT_MS } = settings
  // The platform's fetch must not be called as a method.
  const ask: typeof fetch = settings.fetch ?? ((input, init) => fetch(input, init))
  const peers = new Peers({ hosts: [hosts].flat(), auth, timeoutMs, fetch: ask })
  // What comes has the type of its route, as the interface says it.
  const one = async (name: CallName, input: Input, given: CallSettings = {}) =>
    (await documentOf(peers.send(toAsk(name, input, given)))) as never
  const many = (name: CallName, toInput: () => Input, given: CallSettings = {}) =>
    documentsOf(
      () => peers.send(toAsk(name, toInput(), given)),
      EVENT_STREAMS.has(name),
    ) as AsyncIterable<never>
  const change = (verb: 'pin' | 'unpin', what: string, query: object, given: CallSettings) => {
    if (!what.startsWith('/')) return one(verb, { params: { hash: what }, query }, given)
    const [, keyType = '', ...rest] = what.split('/')
    return one(`${verb}Path`, { params: { keyType, path: rest.join('/') }, query }, given)
  }
  const bulk = (name: 'pinMany' | 'unpinMany', query: object, given: CallSettings, lines: Lines) =>
    sendPieces(peers, body => toAsk(name, { query, body, type: LINES }, given), documentsOf, lines)
  const status = (cid: string, given: CallSettings = {}) => one('status', { params: { hash: cid } }, given)
  return {
    pin: (what, given = {}) => change('pin', what, toPinQuery(given), given),
    unpin: (what, given = {}) => change('unpin', what, {}, given),
    add: (files, given = {}) => many('add', () => ({ query: toAddQuery(given), body: toForm(files) }), given),
    pinMany: (lines, given = {}) => bulk('pinMany', toPinQuery(given), given, lines),
    unpinMany: (lines, given = {}) => bulk('unpinMany', {}, given, lines),
    pins: (query = {}, given = {}) => many('allocations', () => ({ query }), given),
    status,
    statuses: (query = {}, given = {}) => many('statuses', () => ({ query }), given),
    events: (query = {}, given = {}) =>
      followEvents(
        after => many('events', () => ({ query: after === '' ? query : { ...query, after } }), given),
        query.after ?? '',
        () => peers.passOver(),
        given.signal,
      ),
    waitFor: (cid, given = {}) => waitForStatus(cid, signal => status(cid, { signal }), given),
    call: (name, input, given = {}) => one(name, toJsonBody(input), given),
    list: (name, input, given = {}) => many(name, () => toJsonBody(input), given),
  }
}

interface Input extends Target {
  readonly body?: string | FormData
  readonly type?: string
}

function toJsonBody(input: unknown): Input {
  // What a route takes is typed where it is called.
  const { body, ...target } = (input ?? {}) as Target & { readonly body?: unknown }
  return body === undefined ? target : { ...target, body: formatJson(body), type: 'application/json' }
}

function toAsk(name: CallName, input: Input, { signal = new AbortController().signal }: CallSettings): Ask {
  const { body, type } = input
  return {
    ...targetOf(name, input),
    body,
    type,
    isRepeatable: !ONCE.has(name),
    isSlow: name === 'add',
    signal,
  }
}

async function documentOf(asked: Promise<Answer>): Promise<unknown> {
  const answer = await asked
  const text = await answer.text()
  return answer.status === 204 ? undefined : parseDocument(text, answer.from)
}

/** Asks when the first document is wanted, and leaves the rest when no more are. */
async function* documentsOf(ask: () => Promise<Answer>, isEvents = false): AsyncIterable<unknown> {
  const answer = await ask()
  try {
    yield* readDocuments(answer.next, answer.from, isEvents)
  } finally {
    answer.close()
  }
}
