import { readFileSync } from 'node:fs'
import type http from 'node:http'
import type { Logger } from '../interfaces.ts'
import type { Clock } from '../lib/clock.ts'
import { TokenBucket } from '../lib/token-bucket.ts'

/** Open connections of all addresses together, where files may be opened without end. */
export const CONNECTIONS_MAX = 16_384
/** Where nothing says how many files may be opened. */
const CONNECTIONS_UNTOLD = 4096
/** Files that are left to the database, to other peers and to the IPFS node, where there are enough. */
const FILES_KEPT = 4096
/** How often idle connections make room, and how often the log says so. */
const ROOM = { capacity: 1, perSecond: 1 }
const WARNING = { capacity: 1, perSecond: 1 / 60 }

/**
 * How many connections a process may take: half of the files that it may open, all but 4,096 where that is more, and at
 * most 16,384. Without a bound, whoever opens connections could keep the database from opening its files.
 */
export function connectionsMax(limits = readLimits()): number {
  const [, text = ''] = /^Max open files\s+(\d+|unlimited)/m.exec(limits) ?? []
  if (text === '') return CONNECTIONS_UNTOLD
  if (text === 'unlimited') return CONNECTIONS_MAX
  const files = Number(text)
  return Math.min(CONNECTIONS_MAX, Math.max(Math.floor(files / 2), files - FILES_KEPT))
}

function readLimits(): string {
  return process.platform === 'linux' ? readFileSync('/proc/self/limits', 'utf8') : ''
}

/** The connections of several servers that take from the same files. */
export class ConnectionBudget {
  readonly #max: number
  /** Server → its open connections. */
  readonly #open = new Map<http.Server, number>()
  #total = 0

  constructor(max: number) {
    this.#max = max
  }

  /** The bound of them all. */
  get max(): number {
    return this.#max
  }

  /** Closes connections on which nothing is asked. */
  closeIdle(): void {
    for (const server of this.#open.keys()) server.closeIdleConnections()
  }

  /** Counts the connections of a server from now on, until it is closed. */
  add(server: http.Server): void {
    this.#open.set(server, 0)
    server.on('connection', connection => {
      this.#count(server, 1)
      connection.once('close', () => this.#count(server, -1))
    })
    server.once('close', () => {
      this.#total -= this.#open.get(server) ?? 0
      this.#open.delete(server)
      this.#share()
    })
    this.#share()
  }

  #count(server: http.Server, change: number): void {
    const own = this.#open.get(server)
    if (own === undefined) return
    this.#open.set(server, own + change)
    this.#total += change
    this.#share()
  }

  #share(): void {
    for (const [server, own] of this.#open) server.maxConnections = Math.max(1, this.#max - this.#total + own)
  }
}

/** Of every server of this process. */
const ofProcess = new ConnectionBudget(connectionsMax())

/**
 * Counts the connections of a server among those of the process. When there are too many, those that wait for nothing are
 * closed, at most once a second; what comes until then is closed at once.
 */
export function limitConnections(
  server: http.Server,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  budget = ofProcess,
): void {
  const room = new TokenBucket(clock, ROOM)
  const warning = new TokenBucket(clock, WARNING)
  budget.add(server)
  server.on('drop', () => {
    if (!room.tryTake(1)) return
    if (warning.tryTake(1)) {
      const fields = { max: budget.max }
      logger.warn('too many connections: idle ones are closed, and new ones until there is room', fields)
    }
    budget.closeIdle()
  })
}
