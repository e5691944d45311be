import type { ServerResponse } from 'node:http'
import { ClusterError } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'

/** Requests under way, each with what stops it. */
export class LiveRequests {
  readonly #controllers = new Set<AbortController>()
  #onEmpty: (() => void) | undefined
  #stopped: ClusterError | undefined

  /** A signal that is aborted when the client leaves or the API stops. */
  open(response: ServerResponse): AbortSignal {
    const controller = new AbortController()
    if (this.#stopped !== undefined) controller.abort(this.#stopped)
    this.#controllers.add(controller)
    response.once('close', () => {
      this.#controllers.delete(controller)
      if (!response.writableFinished) controller.abort(new DOMException('the client has left', 'AbortError'))
      if (this.#controllers.size === 0) this.#onEmpty?.()
    })
    return controller.signal
  }

  /** Stops all; resolves when they have ended or the grace is over. */
  async stop(clock: Clock, graceMs: number): Promise<void> {
    this.#stopped = new ClusterError('NOT_READY', 'this peer is stopping')
    for (const controller of this.#controllers) controller.abort(this.#stopped)
    if (this.#controllers.size === 0) return
    const over = Promise.withResolvers<void>()
    this.#onEmpty = over.resolve
    using _limit = clock.schedule(graceMs, over.resolve)
    await over.promise
  }
}
