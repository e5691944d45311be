import type { PinRequests } from '../../interfaces.ts'
import { formatCid } from '../../model/cid.ts'
import { type PinRequest, parseRequestId, type Requester } from '../../model/pin-request.ts'
import { formatTime } from '../../model/time-json.ts'
import type { Caller, Gate } from '../auth.ts'
import { toOpenApi } from '../docs/openapi.ts'
import type { CallerOptions } from '../handlers.ts'
import type { Handlers } from '../routes.ts'
import { pinSvcDescription } from './description.ts'
import { parseRequestFilter, parseWantedRequest } from './parse.ts'
import type { PinStatusJson } from './request-schema.ts'
import { pinSvcRoutes } from './routes.ts'

/** What the handlers ask. */
export interface PinSvcParts {
  readonly requests: PinRequests
  readonly gate: Gate
}

/** What the server answers to each route. Input is as it came; bad input throws `INVALID_ARGUMENT`. */
export function pinSvcHandlers({
  requests,
  gate,
}: PinSvcParts): Handlers<typeof pinSvcRoutes, CallerOptions> {
  return {
    async list({ query }, { caller, signal }) {
      const { owner, isEveryOwner } = requesterOf(caller)
      const filter = parseRequestFilter(query ?? {}, isEveryOwner ? undefined : owner)
      const { count, requests: found } = await requests.list(filter, { signal })
      return { count, results: found.map(toPinStatusJson) }
    },
    async add({ body }, { caller, signal }) {
      const wanted = parseWantedRequest(body)
      const by = { ...requesterOf(caller), signal }
      return toPinStatusJson(await counted(caller, () => requests.add(wanted, by)))
    },
    async get({ params }, { caller, signal }) {
      const id = parseRequestId(params.requestid)
      return toPinStatusJson(await requests.get(id, { ...requesterOf(caller), signal }))
    },
    async replace({ params, body }, { caller, signal }) {
      const id = parseRequestId(params.requestid)
      const wanted = parseWantedRequest(body)
      const by = { ...requesterOf(caller), signal }
      return toPinStatusJson(await counted(caller, () => requests.replace(id, wanted, by)))
    },
    async remove({ params }, { caller, signal }) {
      await requests.remove(parseRequestId(params.requestid), { ...requesterOf(caller), signal })
    },
    issueJwt: async (_input, { caller }) => ({ token: gate.issueJwt(caller) }),
    health: async () => undefined,
    openapi: async () => toOpenApi(pinSvcRoutes, pinSvcDescription),
  }
}

/** Everybody has requests of his own; where nobody has to say who he is, they are everybody's. */
function requesterOf({ kind, name, scope }: Caller): Requester {
  return kind === 'anonymous'
    ? { owner: '', isEveryOwner: scope === 'admin' }
    : { owner: `${kind}:${name}`, isEveryOwner: false }
}

/** A request counts as a pin of the caller's token. */
async function counted<Result>({ quota }: Caller, make: () => Promise<Result>): Promise<Result> {
  quota?.takePin()
  try {
    return await make()
  } catch (thrown) {
    quota?.returnPins(1)
    throw thrown
  }
}

function toPinStatusJson(request: PinRequest): PinStatusJson {
  const { id, status, createdMs, cid, name, origins, meta, delegates, copies, error } = request
  const info = {
    ...(copies === undefined ? {} : { copies: `${copies.there} of ${copies.wanted}` }),
    ...(error === '' ? {} : { status_details: error.slice(0, 1000) }),
  }
  return {
    requestid: id,
    status,
    created: formatTime(createdMs),
    pin: {
      cid: formatCid(cid),
      ...(name === '' ? {} : { name }),
      ...(origins.length === 0 ? {} : { origins }),
      ...(Object.keys(meta).length === 0 ? {} : { meta }),
    },
    delegates,
    ...(Object.keys(info).length === 0 ? {} : { info }),
  }
}
