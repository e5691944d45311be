import type { Procedures } from '../interfaces.ts'

/** Who may call: this process only, peers that the consensus trusts, or everyone who has the cluster secret. */
export type Trust = 'self' | 'trusted' | 'open'

/** What is laid down for a procedure. */
export interface Procedure {
  readonly trust: Trust
  /**
   * Whether an answer may take long while work goes on: the other side then says every few seconds that it is alive.
   * Otherwise each answer has to come within the time-out.
   */
  readonly isLong: boolean
}

/** Every procedure that peers offer each other. One that is not listed here does not compile. */
export const PROCEDURES = {
  id: { trust: 'open', isLong: false },
  status: { trust: 'trusted', isLong: false },
  statuses: { trust: 'trusted', isLong: true },
  holds: { trust: 'open', isLong: false },
  noRoom: { trust: 'trusted', isLong: false },
  recover: { trust: 'trusted', isLong: false },
  recoverAll: { trust: 'trusted', isLong: true },
  summary: { trust: 'trusted', isLong: true },
  why: { trust: 'trusted', isLong: false },
  gc: { trust: 'trusted', isLong: true },
  links: { trust: 'trusted', isLong: false },
  pinset: { trust: 'trusted', isLong: false },
  repoStat: { trust: 'trusted', isLong: false },
  left: { trust: 'trusted', isLong: true },
  rebalance: { trust: 'trusted', isLong: false },
  putBlocks: { trust: 'trusted', isLong: true },
} as const satisfies { readonly [Name in keyof Procedures]: Procedure }

/** Whether a text names a procedure. */
export function isProcedure(name: string): name is keyof Procedures {
  return Object.hasOwn(PROCEDURES, name)
}

/** Whether a procedure is answered at once with few outputs: such calls share a stream. */
export function isShort(name: keyof Procedures): boolean {
  return !PROCEDURES[name].isLong
}
