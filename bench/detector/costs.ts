import { createIdentity } from '../../src/model/identity.ts'
import { decodeHeartbeat, encodeHeartbeat, type Heartbeat } from '../../src/monitor/heartbeat.ts'
import { MetricBook } from '../../src/monitor/metric-book.ts'
import { PeerWatch } from '../../src/monitor/peer-watch.ts'
import { DETECTOR_CONFIG } from '../../test/support/monitor-config.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'

const PEERS = 1000
/** So many that every window is full. */
const ROUNDS = 250
const CLUSTER = 'cluster'

const nothing = () => undefined

/** What heartbeats cost a peer with 1,000 others, in sentences: with the real codec, signatures, book and watch. */
export async function heartbeatCosts(): Promise<readonly string[]> {
  const identities = Array.from({ length: PEERS }, () => createIdentity())
  const beats = identities.map(identity => beatOf(identity.id))
  const messages = beats.map((beat, at) => encodeHeartbeat(beat, CLUSTER, identities[at] ?? createIdentity()))
  const heard = microsecondsEach(() => {
    for (const [at, message] of messages.entries()) decodeHeartbeat(message, beats[at]?.peer ?? '', CLUSTER)
  })
  const { takenMs, watch: first } = await fill(beats)
  const checked = microsecondsEach(() => {
    for (let round = 0; round < PEERS; round += 1) first.sends()
  })
  const beforeBytes = usedBytes()
  const filled = [await fill(beats), await fill(beats), await fill(beats), await fill(beats)]
  const bytes = (usedBytes() - beforeBytes) / filled.length
  for (const { watch } of [...filled, { watch: first }]) watch[Symbol.dispose]()
  return [
    `A heartbeat with four measures has ${messages[0]?.length ?? 0} bytes (without the envelope of gossip). To read one and check its signature takes ${heard.toFixed(0)} µs of processor time, to note it ${((takenMs * 1000) / ROUNDS / PEERS).toFixed(1)} µs, to look at ${PEERS} peers ${checked.toFixed(0)} µs. With ${PEERS} others at a heartbeat a second that is ${((heard * PEERS) / 10_000 + takenMs / ROUNDS / 10).toFixed(0)} % of one core; memory ${(bytes / 1e6).toFixed(1)} MB, windows full.`,
  ]
}

/** A watch and a book that have heard every peer so often that all windows are full. */
async function fill(
  beats: readonly Heartbeat[],
): Promise<{ readonly watch: PeerWatch; readonly book: MetricBook; readonly takenMs: number }> {
  const clock = virtualClock()
  const parts = {
    self: 'self',
    clock,
    isTrusted: () => true,
    onChange: nothing,
    onPause: nothing,
    onMissed: nothing,
  }
  const watch = new PeerWatch(parts, { ...DETECTOR_CONFIG, pingIntervalMs: 1000 })
  const book = new MetricBook({
    peersMax: 4096,
    isTrusted: () => true,
    conditionOf: peer => watch.conditionOf(peer),
    onForget: nothing,
  })
  let takenMs = 0
  for (let round = 1; round <= ROUNDS; round += 1) {
    await clock.advance(1000)
    const from = process.cpuUsage()
    for (const beat of beats) {
      const measures = beat.measures.map(measure => ({ ...measure }))
      book.note({ ...beat, sequence: round, measures }, watch.now())
      watch.heard(beat.peer, beat)
    }
    takenMs += process.cpuUsage(from).user / 1000
  }
  return { watch, book, takenMs }
}

function usedBytes(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function microsecondsEach(work: () => void): number {
  work()
  const from = process.cpuUsage()
  for (let round = 0; round < 3; round += 1) work()
  const { user, system } = process.cpuUsage(from)
  return (user + system) / 3 / PEERS
}

function beatOf(peer: string): Heartbeat {
  const measure = (name: string, weight: number) => ({
    name,
    value: String(weight),
    weight,
    isPartitionable: false,
    isValid: true,
    ttlMs: 30_000,
  })
  return {
    peer,
    boot: '0123456789abcdef0123456789abcdef',
    sequence: 1,
    sentAtMs: 1_700_000_000_000,
    intervalMs: 1000,
    hello: {
      peername: 'one of many',
      ipfsId: peer,
      ipfsAddresses: ['/ip4/10.1.2.3/tcp/4001', '/ip4/10.1.2.3/udp/4001/quic-v1'],
    },
    measures: [
      measure('freespace', 123_456_789_012),
      measure('pinqueue', 3),
      measure('numpin', 100_000),
      { ...measure('tag:group', 0), value: 'default' },
    ],
    missed: [],
    isLeaving: false,
  }
}
