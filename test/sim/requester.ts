import { openPinRequests } from '../../src/cluster/pin-requests.ts'
import type { Consensus, Monitor, PinRequests } from '../../src/interfaces.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Random } from '../../src/lib/random.ts'
import type { Cid } from '../../src/model/cid.ts'
import type { PeerId } from '../../src/model/peer.ts'
import { unmarked } from '../../src/model/peer-mark.ts'
import type { Pin } from '../../src/model/pin.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { ALLOCATE, CLUSTER, type Mover } from './mover.ts'

/** What requests are kept with. */
export interface RequesterParts {
  readonly self: PeerId
  readonly clock: Clock
  readonly random: Random
  readonly consensus: Consensus
  readonly monitor: Monitor
  /** Absent where every peer keeps everything. */
  readonly mover: Mover | undefined
  readonly parts: AsyncDisposableStack
  readonly nextName: () => string
  /** Writes pins, or with undefined removes them, and enters that. */
  readonly write: (cids: readonly Cid[], pins: readonly Pin[] | undefined) => Promise<void>
}

/** Opens the real requests of a peer with what looks after their content; all that they write is entered. */
export async function openRequester(given: RequesterParts): Promise<PinRequests> {
  const { consensus, monitor, mover, parts, write, nextName, ...base } = given
  // What is pinned for requests, and pinned again, must not bear the same name twice: names tell writes apart.
  const renamed = (pin: Pin) => (pin.type === 'request' ? pin : { ...pin, name: nextName() })
  const recorded: Consensus = Object.assign(Object.create(consensus), {
    get: (cid: Cid) => consensus.get(cid),
    getMany: (cids: readonly Cid[]) => consensus.getMany(cids),
    onChange: (listener: (cids: readonly Cid[]) => void) => consensus.onChange(listener),
    pins: (...args: Parameters<Consensus['pins']>) => consensus.pins(...args),
    isTrusted: (peer: PeerId) => consensus.isTrusted(peer),
    put: (pins: readonly Pin[]) =>
      write(
        pins.map(({ cid }) => cid),
        pins.map(renamed),
      ),
    remove: (cids: readonly Cid[]) => write(cids, undefined),
  })
  const replication = mover === undefined ? { min: -1, max: -1 } : CLUSTER.replication
  const marks = mover?.marks ?? { of: unmarked }
  // What has become of content is asked elsewhere.
  const cluster = {
    status: async (cid: Cid) => ({ cid, pin: undefined, createdMs: 0, peers: new Map() }),
    statuses: async function* () {},
  }
  const components = { ...base, allocate: ALLOCATE, consensus: recorded, monitor, marks, cluster }
  const logger = silentLogger()
  return parts.use(await openPinRequests({ ...components, logger }, { ...CLUSTER, replication }))
}
