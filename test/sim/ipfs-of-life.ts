import { messageOf } from '../../src/errors.ts'
import type { Ipfs } from '../../src/interfaces.ts'
import { cidKey } from '../../src/model/cid.ts'
import type { PeerId } from '../../src/model/peer.ts'
import type { FakeIpfs } from '../support/fake-ipfs.ts'
import type { Life } from './life.ts'
import type { World } from './world.ts'

/** What a tracker asks of its IPFS node. */
export type IpfsOfLife = Pick<Ipfs, 'pin' | 'unpin' | 'pinned' | 'allPinned'>

/** Whose node it is, and who asks. */
export interface IpfsOfLifeParts {
  readonly world: World
  readonly life: Life
  readonly index: number
  readonly id: PeerId
  readonly ipfs: FakeIpfs
  /** Contents of which no life of the daemon can know: added and taken out as calls end. */
  readonly mayKeep: Set<string>
}

/** The IPFS node as one life of a daemon has it: a dead one asks nothing and hears nothing. Enters every call. */
export function ipfsOfLife({ world, life, index, id, ipfs, mayKeep }: IpfsOfLifeParts): IpfsOfLife {
  const tell = async (call: string, work: Promise<void>) => {
    world.trace.add(`peer ${index} asks IPFS: ${call}`)
    try {
      await work
      world.trace.add(`peer ${index} has from IPFS: ${call}`)
    } catch (thrown) {
      world.trace.add(`peer ${index} fails at IPFS: ${call}: ${messageOf(thrown)}`)
      throw thrown
    }
  }
  return {
    pin: async (cid, mode, options) => {
      await life.goOn()
      const key = cidKey(cid)
      mayKeep.delete(key)
      const pinning = ipfs.pin(cid, mode, options).finally(() => {
        // A call that outlives its daemon takes effect after the next one has looked.
        if (life.isOver) mayKeep.add(key)
      })
      await tell(`pin ${mode} ${cid}`, life.bind(pinning))
    },
    unpin: async (cid, options) => {
      await life.goOn()
      world.oracle.onUnpin(index, id, cid, world.holds)
      world.noteHeld(id, cid)
      await tell(`unpin ${cid}`, life.bind(ipfs.unpin(cid, options)))
    },
    pinned: (...args) => life.bind(ipfs.pinned(...args)),
    allPinned: async function* (options) {
      for await (const pin of ipfs.allPinned(options)) {
        await life.goOn()
        yield pin
      }
    },
  }
}
