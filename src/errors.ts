/**
 * Every way in which something out there can go wrong, answered by one question: what should the caller do?
 * `status` is the HTTP status, `retry` says whether the same call may succeed later.
 */
export const CODES = {
  INVALID_ARGUMENT: { status: 400, retry: false, says: 'the request is not understood' },
  UNAUTHENTICATED: { status: 401, retry: false, says: 'credentials are missing or wrong' },
  FORBIDDEN: { status: 403, retry: false, says: 'this caller may not do that' },
  NOT_FOUND: { status: 404, retry: false, says: 'there is no such thing' },
  CONFLICT: { status: 409, retry: false, says: 'the present state does not allow it' },
  TOO_LARGE: { status: 413, retry: false, says: 'the input exceeds a limit' },
  RATE_LIMITED: { status: 429, retry: true, says: 'this caller asks for more than it may at present' },
  REFUSED: { status: 500, retry: false, says: 'the cluster refuses the operation' },
  NOT_ENOUGH_PEERS: { status: 500, retry: true, says: 'too few peers can take the content' },
  NO_SPACE: { status: 507, retry: true, says: 'too few peers have room for the content' },
  IPFS_REFUSED: { status: 500, retry: false, says: 'the IPFS node answered with an error' },
  IPFS_FULL: { status: 507, retry: true, says: 'the IPFS node has no room for the content' },
  IPFS_UNAVAILABLE: { status: 500, retry: true, says: 'the IPFS node does not answer' },
  PEER_UNREACHABLE: { status: 502, retry: true, says: 'another cluster peer does not answer' },
  READ_ONLY: { status: 503, retry: true, says: 'this peer takes no writes at present' },
  NOT_READY: { status: 503, retry: true, says: 'this peer is starting or stopping' },
  TIMEOUT: { status: 504, retry: true, says: 'it took longer than allowed' },
  STORE_FAILED: { status: 500, retry: true, says: 'the disk did not take the data' },
  STORE_VERSION: { status: 500, retry: false, says: 'the data on disk is of another version' },
  CONFIG_INVALID: { status: 500, retry: false, says: 'the configuration has faults' },
  INTERNAL: { status: 500, retry: false, says: 'a fault in the program' },
} as const

/** A code of the table above. */
export type Code = keyof typeof CODES

const CODE_OF_STATUS: Readonly<Record<number, Code>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'TOO_LARGE',
  429: 'RATE_LIMITED',
  502: 'PEER_UNREACHABLE',
  503: 'NOT_READY',
  504: 'TIMEOUT',
}

/** The code that comes nearest to an HTTP status, for answers that name none. */
export function codeOfStatus(status: number): Code {
  return CODE_OF_STATUS[status] ?? 'INTERNAL'
}

/** Plain values that go along with an error: names of the things that failed. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>

/**
 * Something went wrong out there. The message is for people: it names the thing that failed and what to do.
 * Broken programs use `assert` instead, and what was stopped on purpose carries `signal.reason`.
 */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
  readonly code: Code
  readonly details: ErrorDetails

  constructor(code: Code, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }

  /** HTTP status of the code. */
  get status(): number {
    return CODES[this.code].status
  }

  /** Whether the same call may succeed later. */
  get isRetryable(): boolean {
    return CODES[this.code].retry
  }
}

/** Any thrown value as a `ClusterError`; what is not one already becomes `INTERNAL` with itself as cause. */
export function toClusterError(thrown: unknown): ClusterError {
  if (thrown instanceof ClusterError) return thrown
  return new ClusterError('INTERNAL', messageOf(thrown), { cause: thrown })
}

/** The text of any thrown value, for logs and for people. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** Whether an operation ended because its signal was aborted, which is neither logged nor retried. */
export function wasStopped(thrown: unknown, signal: AbortSignal): boolean {
  return (
    signal.aborted && (thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError'))
  )
}
