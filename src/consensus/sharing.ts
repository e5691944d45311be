import type { Replica } from './replica.ts'
import type { Trust } from './trust.ts'

/** What peers compare: the pinset, who of its writers is retired, and whom the cluster trusts. */
export interface Sharing {
  readonly replica: Replica
  readonly trust: Trust
  readonly partitionsCount: number
}

/** The writers that a peer has retired, and the digest of their list. */
export interface RetiredList {
  readonly clients: ReadonlySet<number>
  readonly digest: Uint8Array
}
