import assert from 'node:assert/strict'
import test from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { consensusConfig } from '../../test/support/consensus-config.ts'
import { fakeNetwork } from '../../test/support/fake-network.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { systemClock } from '../lib/clock.ts'
import { systemRandom } from '../lib/random.ts'
import { createIdentity } from '../model/identity.ts'
import { toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import { openPinset } from './pinset.ts'

const options = { signal: new AbortController().signal }

test('a comparison that was planned or is under way takes nothing from a peer that is not trusted any more', async () => {
  await Promise.all([0, 300, 700, 900].map(distrustAfter))
})

/** A writer is heard of, and is not trusted any more a while later: what it writes then must not arrive. */
async function distrustAfter(waitMs: number): Promise<void> {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(7) })
  await using stack = new AsyncDisposableStack()
  const open = async () => {
    const identity = createIdentity()
    const parts = { clock: systemClock, random: systemRandom, logger: silentLogger() }
    const network = stack.use(hub.join(identity.id))
    const components = { ...parts, identity, network, store: openMemoryStore(), meter: createNoopMeter() }
    return { id: identity.id, pinset: stack.use(await openPinset(components, consensusConfig())) }
  }
  const [own, writer] = [await open(), await open()]
  // The first comparison follows on the connection, and is not the one that is meant.
  await systemClock.sleep(1500, options.signal)
  hub.faults.lossShare = 1
  await writer.pinset.put([toPin(numberedCid(1), {})], options)
  own.pinset.noticeDigest(writer.id, writer.pinset.rootDigest)
  await systemClock.sleep(waitMs, options.signal)
  await own.pinset.setTrusted(writer.id, false, options)
  await writer.pinset.put([toPin(numberedCid(2), {})], options)
  hub.faults.lossShare = 0
  await systemClock.sleep(2000, options.signal)
  assert.equal(await own.pinset.get(numberedCid(2)), undefined, `distrusted after ${waitMs} ms`)
}
