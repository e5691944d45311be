import type { ConsensusConfig } from '../../src/consensus/config.ts'

/** Settings of a small pinset for tests, some of them changed. */
export function consensusConfig(changes: Partial<ConsensusConfig> = {}): ConsensusConfig {
  return {
    clusterName: 'test',
    trustedPeers: undefined,
    queueLengthMax: 1000,
    repairIntervalMs: 3_600_000,
    partitionsCount: 8,
    memoryBudgetBytes: 1024 * 1024,
    clockDriftMaxMs: 300_000,
    forgetAfterMs: 30 * 24 * 3_600_000,
    ...changes,
  }
}
