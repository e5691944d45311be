import type { Random } from '../../src/lib/random.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import type { PeerProcess } from '../support/peer-processes.ts'
import type { Damage, Ledger } from './ledger.ts'

/** One client: pins, changes and removes CIDs that nobody else touches, one request at a time, at one peer. */
export interface Writer {
  readonly peer: PeerProcess
  readonly cids: readonly string[]
  /** Writes until the signal, or until the peer is marked as down. Every write is in the ledger when it resolves. */
  run(signal: AbortSignal, down: ReadonlySet<PeerProcess>): Promise<void>
  /** What it found wrong from the peer's answers. */
  readonly damages: readonly Damage[]
}

const REMOVALS_SHARE = 0.3
const REQUEST_MS_MAX = 30_000

/** Makes a client with so many CIDs of its own, the first of which is `numberedCid(from)`. */
export function makeWriter(
  peer: PeerProcess,
  ledger: Ledger,
  random: Random,
  own: { readonly from: number; readonly count: number },
): Writer {
  const cids = Array.from({ length: own.count }, (_, index) => numberedCid(own.from + index).toString())
  const damages: Damage[] = []
  let written = 0

  const write = async (cid: string) => {
    const isRemoval = ledger.isPinned(cid) && random.next() < REMOVALS_SHARE
    const name = isRemoval ? undefined : `write-${own.from}-${written++}`
    const url = `${peer.url}/pins/${cid}${name === undefined ? '' : `?name=${name}`}`
    try {
      const signal = AbortSignal.timeout(REQUEST_MS_MAX)
      const answer = await fetch(url, { method: isRemoval ? 'DELETE' : 'POST', signal })
      if (answer.ok) ledger.acknowledge(cid, name)
      else ledger.doubt(cid, name)
      // What was acknowledged and never removed cannot be unknown.
      if (answer.status === 404) {
        damages.push({ kind: 'lost', cid, text: `${cid}: unknown when it was to be removed` })
      }
      await answer.arrayBuffer()
    } catch (thrown) {
      if (thrown instanceof DOMException && thrown.name === 'TimeoutError') throw thrown
      ledger.doubt(cid, name)
    }
  }
  return {
    peer,
    cids,
    damages,
    async run(signal, down) {
      while (!signal.aborted && !down.has(peer)) {
        const cid = cids[Math.floor(random.next() * cids.length)]
        if (cid !== undefined) await write(cid)
      }
    },
  }
}
