import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PeerProcess } from '../test/support/peer-processes.ts'
import { freePort } from '../test/support/peer-processes.ts'

/** Often enough to tell tenths of a second, seldom enough to cost the peer next to nothing. */
const SCRAPE_MS = 100

/** Where a peer serves its metrics, and the environment that makes it do so. */
export async function metricsEndpoint() {
  const port = await freePort()
  return {
    url: `http://127.0.0.1:${port}/metrics`,
    environment: {
      CLUSTER_METRICS_ENABLESTATS: 'true',
      CLUSTER_METRICS_PROMETHEUSENDPOINT: `/ip4/127.0.0.1/tcp/${port}`,
    },
  }
}

/**
 * Reads the metrics of a peer's process over and over, and keeps the longest block of its event loop. A peer that does
 * not run is waited for.
 */
export class PeerMeter implements AsyncDisposable {
  readonly #peer: PeerProcess
  readonly #url: string
  readonly #stopping = new AbortController()
  readonly #watching: Promise<void>
  readonly #everyMs: number
  #longestBlockMs = 0
  #worstP99Ms = 0
  #last: ReadonlyMap<string, number> = new Map()
  #answered: ReadonlyMap<string, number> = new Map()

  /** To be asked ten times a second is work for a peer that has others of its kind beside it. */
  constructor(peer: PeerProcess, url: string, everyMs = SCRAPE_MS) {
    this.#peer = peer
    this.#url = url
    this.#everyMs = everyMs
    this.#watching = this.#watch()
  }

  /** Since it was asked last. */
  takeLongestBlockMs(): number {
    const longest = this.#longestBlockMs
    this.#longestBlockMs = 0
    return longest
  }

  /** The worst 99th percentile of the delays between two scrapes, since it was asked last. */
  takeWorstP99Ms(): number {
    const worst = this.#worstP99Ms
    this.#worstP99Ms = 0
    return worst
  }

  /** The metric as of the last scrape that was answered. */
  latest(name: string): number {
    return this.#answered.get(name) ?? 0
  }

  /** The metric as of now, 0 while the peer does not answer. A name with labels is the sum over them. */
  async metric(name: string): Promise<number> {
    await this.#scrape()
    return this.#last.get(name) ?? 0
  }

  /** Waits until a metric is as wanted; looks at every scrape, and asks for no more of them. */
  async until(
    what: string,
    check: (metric: (name: string) => number) => boolean,
    msMax: number,
  ): Promise<void> {
    const end = performance.now() + msMax
    while (!check(name => this.#last.get(name) ?? 0)) {
      if (performance.now() > end) throw new Error(`${what}: not within ${msMax} ms`)
      await sleep(SCRAPE_MS / 4)
    }
  }

  /** Memory in MB as the system counts it: now, and at most since the process started. */
  async memory(): Promise<{ residentMb: number; peakMb: number }> {
    const status = await readFile(`/proc/${this.#peer.pid}/status`, 'utf8')
    const mb = (name: string) =>
      (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024) / 1e6
    return { residentMb: mb('VmRSS'), peakMb: mb('VmHWM') }
  }

  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#scrape()
      await sleep(this.#everyMs)
    }
  }

  async #scrape(): Promise<void> {
    const text = await fetch(this.#url, {
      headers: { 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(30_000),
    })
      .then(response => response.text())
      .catch((error: unknown) => {
        // Not there yet, or not any more.
        if (error instanceof TypeError || error instanceof DOMException) return ''
        throw error
      })
    const values = new Map<string, number>()
    for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)/gm))
      values.set(name, (values.get(name) ?? 0) + Number(value))
    this.#last = values
    if (text !== '') this.#answered = values
    const p99Ms = (values.get('nodejs_eventloop_lag_p99_seconds') ?? 0) * 1000
    this.#worstP99Ms = Math.max(this.#worstP99Ms, p99Ms)
    const blockMs = (values.get('nodejs_eventloop_lag_max_seconds') ?? 0) * 1000
    this.#longestBlockMs = Math.max(this.#longestBlockMs, blockMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#watching
  }
}
