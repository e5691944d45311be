import type { PeerId } from '../model/peer.ts'
import type { Heartbeat } from './heartbeat.ts'

/** So often one run has to be heard after the other, and be no straggler, before it is said that both go on. */
const TURNS_MIN = 3
/** Turns that are further apart have nothing to do with each other. */
const TURN_MS_MAX = 60_000
const RUNS_MAX = 4

interface Run {
  readonly boot: string
  readonly firstSentMs: number
  sequence: number
}

interface Peer {
  readonly runs: Run[]
  /** The run that is taken for the present one. */
  last: Run
  turns: number
  turnedAtMs: number
}

/**
 * Finds peers of which two runs go on at the same time: somebody has copied a folder or a machine with its identity.
 *
 * After a restart messages of the former run may still be on their way, so that hearing two runs says nothing. But whoever has
 * ended says nothing after the next one has begun: only what was sent after the first heartbeat of the other run counts, and
 * only when it is new. The two clocks may differ; then it takes that much longer. A recording of a former run is never taken for it.
 */
export class SecondRuns {
  readonly #peersMax: number
  readonly #peers = new Map<PeerId, Peer>()

  constructor(peersMax: number) {
    this.#peersMax = peersMax
  }

  /** Notes a heartbeat, of this peer, too; answers whether two runs of its peer go on. `nowMs` is of the monotonic clock. */
  note(beat: Pick<Heartbeat, 'peer' | 'boot' | 'sequence' | 'sentAtMs'>, nowMs: number): boolean {
    const { boot, sequence, sentAtMs } = beat
    const peer = this.#peers.get(beat.peer)
    if (peer === undefined) {
      this.#add(beat, nowMs)
      return false
    }
    const run = peer.runs.find(each => each.boot === boot)
    if (run === undefined) {
      const first = { boot, firstSentMs: sentAtMs, sequence }
      peer.runs.push(first)
      const { last } = peer
      if (sentAtMs > last.firstSentMs) peer.last = first
      if (peer.runs.length > RUNS_MAX) peer.runs.splice(peer.runs[0] === peer.last ? 1 : 0, 1)
      return false
    }
    if (sequence <= run.sequence) return false
    run.sequence = sequence
    if (run === peer.last || sentAtMs <= peer.last.firstSentMs) return false
    peer.turns = nowMs - peer.turnedAtMs > TURN_MS_MAX ? 1 : peer.turns + 1
    peer.turnedAtMs = nowMs
    peer.last = run
    return peer.turns >= TURNS_MIN
  }

  #add({ peer, boot, sequence, sentAtMs }: Parameters<SecondRuns['note']>[0], nowMs: number): void {
    const [oldest] = this.#peers.keys()
    if (this.#peers.size >= this.#peersMax && oldest !== undefined) this.#peers.delete(oldest)
    const last: Run = { boot, firstSentMs: sentAtMs, sequence }
    this.#peers.set(peer, { runs: [last], last, turns: 0, turnedAtMs: nowMs })
  }
}
