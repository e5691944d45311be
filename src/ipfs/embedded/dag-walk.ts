import { ClusterError } from '../../errors.ts'
import type { Cid } from '../../model/cid.ts'

/** How a DAG is walked. */
export interface WalkOptions {
  readonly parallel: number
  readonly signal: AbortSignal
}

const WAITING_MAX = 1_000_000

/**
 * Visits a DAG from its root, depth first, several blocks at a time. `visit` answers with the links to follow: leaving out
 * what it has seen is its part. After an error the signal that the visits got is aborted, and the walk ends when they have.
 */
export function walkDag(
  root: Cid,
  { parallel, signal }: WalkOptions,
  visit: (cid: Cid, signal: AbortSignal) => Promise<readonly Cid[]>,
): Promise<void> {
  const stopping = new AbortController()
  const anySignal = AbortSignal.any([signal, stopping.signal])
  const waiting: Cid[] = [root]
  let running = 0
  let failure: { readonly thrown: unknown } | undefined
  return new Promise((resolve, reject) => {
    const fail = (thrown: unknown) => {
      failure ??= { thrown: signal.aborted ? signal.reason : thrown }
      stopping.abort(new DOMException('the walk has failed', 'AbortError'))
    }
    const take = (links: readonly Cid[]) => {
      // Backwards, so that the first link is the next to be visited.
      for (let at = links.length - 1; at >= 0; at--) {
        const link = links[at]
        if (link !== undefined) waiting.push(link)
      }
      if (waiting.length > WAITING_MAX) {
        fail(
          new ClusterError(
            'IPFS_REFUSED',
            `the DAG of ${root.toString()} is too wide to be walked in bounded memory`,
          ),
        )
      }
    }
    const ended = () => {
      running--
      pump()
    }
    const pump = () => {
      while (running < parallel) {
        const cid = failure === undefined ? waiting.pop() : undefined
        if (cid === undefined) break
        running++
        visit(cid, anySignal).then(take, fail).then(ended, reject)
      }
      if (running > 0) return
      if (failure === undefined) resolve()
      else reject(failure.thrown)
    }
    pump()
  })
}
