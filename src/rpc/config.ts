/** How long calls wait. Not part of `service.json`: both ends have to agree on it. */
export interface RpcConfig {
  /** Until the first and each further message of an answer. */
  readonly answerTimeoutMs: number
  /** How often a long procedure says that it is still at work; well below the time-out. */
  readonly aliveMs: number
  /** How long the shared stream to a peer stays open without a call. */
  readonly lineIdleMs: number
}

/** What every peer uses. */
export const RPC_CONFIG: RpcConfig = { answerTimeoutMs: 15_000, aliveMs: 4_000, lineIdleMs: 30_000 }
