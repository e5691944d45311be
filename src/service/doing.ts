import { ClusterError, messageOf, toClusterError } from '../errors.ts'

/** Runs a step of a command; what it throws begins with what was being done, as `error <doing>: <cause>` shows it. */
export async function doing<Result>(what: string, step: () => Result | PromiseLike<Result>): Promise<Result> {
  try {
    return await step()
  } catch (cause) {
    const { code, details } = toClusterError(cause)
    throw new ClusterError(code, `${what}: ${messageOf(cause)}`, { cause, details })
  }
}
