import type { Consensus } from '../../src/interfaces.ts'
import { Emitter } from '../../src/lib/emitter.ts'
import { type Cid, cidKey } from '../../src/model/cid.ts'
import type { PeerId } from '../../src/model/peer.ts'
import { isSameRequest, type Pin } from '../../src/model/pin.ts'
import { inRange } from './in-range.ts'

/** A pinset in a map. Several peers of a test may share one, as if every update had reached everybody. */
export interface FakeConsensus extends Consensus {
  /** How many writes there were: calls of `put` and `remove` that changed something. */
  readonly writesCount: number
  /** Peers that are not trusted; all others are. */
  readonly untrusted: Set<PeerId>
  /** Why no writes are taken. */
  readOnly: string | undefined
  isSelfTrusted: boolean
}

/** A consensus without a network and without a disk. Stores pins as the real one does: whole seconds, no user allocations. */
export function fakeConsensus(): FakeConsensus {
  const pins = new Map<string, Pin>()
  const changes = new Emitter<{ readonly cids: readonly Cid[]; readonly hadEntry: readonly boolean[] }>()
  const untrusted = new Set<PeerId>()
  let writesCount = 0
  const wholeSeconds = (ms: number) => Math.floor(ms / 1000) * 1000
  return {
    readOnly: undefined,
    isSelfTrusted: true,
    untrusted,
    get writesCount() {
      return writesCount
    },
    get pinsCount() {
      return pins.size
    },
    rootDigest: '',
    async put(wanted, { signal, replacing }) {
      signal.throwIfAborted()
      const added = wanted.filter((pin, at) => {
        const [before, now] = [replacing?.[at], pins.get(cidKey(pin.cid))]
        if (now !== undefined && isSameRequest(now, pin)) return false
        return before === undefined || (now !== undefined && isSameRequest(now, before))
      })
      if (added.length === 0) return
      writesCount++
      const hadEntry = added.map(({ cid }) => pins.has(cidKey(cid)))
      for (const pin of added) {
        pins.set(cidKey(pin.cid), {
          ...pin,
          userAllocations: [],
          timestampMs: wholeSeconds(pin.timestampMs),
          expireAtMs: pin.expireAtMs === undefined ? undefined : wholeSeconds(pin.expireAtMs),
        })
      }
      changes.emit({ cids: added.map(({ cid }) => cid), hadEntry })
    },
    async remove(cids, { signal }) {
      signal.throwIfAborted()
      writesCount++
      const hadEntry = cids.map(cid => pins.has(cidKey(cid)))
      for (const cid of cids) pins.delete(cidKey(cid))
      changes.emit({ cids, hadEntry })
    },
    get: async cid => pins.get(cidKey(cid)),
    getMany: async cids => cids.map(cid => pins.get(cidKey(cid))),
    async *pins(range, { signal }) {
      for (const pin of inRange(pins.values(), range)) {
        signal.throwIfAborted()
        yield pin
      }
    },
    noticeDigest: () => undefined,
    isTrusted: peer => !untrusted.has(peer),
    async setTrusted(peer, isTrusted, { signal }) {
      signal.throwIfAborted()
      if (isTrusted) untrusted.delete(peer)
      else untrusted.add(peer)
    },
    get state() {
      return {
        pinsCount: pins.size,
        rootDigest: '',
        behindCount: 0,
        readOnly: this.readOnly,
        trust: {
          configured: ['*'],
          changed: new Map([...untrusted].map(peer => [peer, false])),
          isSelfTrusted: this.isSelfTrusted,
        },
      }
    },
    settle: async () => undefined,
    onChange: listener => changes.on(({ cids, hadEntry }) => listener(cids, hadEntry)),
    [Symbol.asyncDispose]: async () => undefined,
  }
}
