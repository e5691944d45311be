import { ClusterError } from '../errors.ts'

/** One thing that is wrong with the configuration. */
export interface Fault {
  /** Which setting, in dots: `cluster.replication_factor_min`. Empty when it is the whole file. */
  readonly path: string
  /** What is wrong and what to do, without the path. Never holds the value of a secret. */
  readonly message: string
}

/** All faults in one `CONFIG_INVALID` error, one a line; `where` names the file or the environment. */
export function faultsError(where: string, faults: readonly Fault[]): ClusterError {
  const lines = faults.map(({ path, message }) => (path === '' ? message : `${path} ${message}`))
  const [first] = lines
  const text =
    lines.length === 1
      ? `${where}: ${first}`
      : `${where} has ${lines.length} faults:\n  ${lines.join('\n  ')}`
  return new ClusterError('CONFIG_INVALID', text, { details: { faults: faults.length } })
}
