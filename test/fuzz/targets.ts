import type { Target } from './target.ts'
import { framesTarget } from './targets/frames.ts'
import { gossipTarget } from './targets/gossip.ts'
import { linesTarget } from './targets/lines.ts'
import { mergeTarget } from './targets/merge.ts'
import { recordsTarget } from './targets/records.ts'
import { heartbeatTarget, rpcTarget } from './targets/rpc.ts'
import { answersTarget, questionsTarget } from './targets/sync.ts'

/** Everything that reads what comes from outside. */
export const TARGETS: readonly Target[] = [
  gossipTarget,
  mergeTarget,
  questionsTarget,
  answersTarget,
  recordsTarget,
  linesTarget,
  rpcTarget,
  heartbeatTarget,
  framesTarget,
]
