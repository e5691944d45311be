import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { consensusConfig } from '../../test/support/consensus-config.ts'
import { eventually } from '../../test/support/eventually.ts'
import { fakeNetwork } from '../../test/support/fake-network.ts'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import type { ByteStore } from '../interfaces.ts'
import { systemClock } from '../lib/clock.ts'
import { systemRandom } from '../lib/random.ts'
import { createIdentity } from '../model/identity.ts'
import { toPin } from '../model/pin.ts'
import { openMemoryStore } from '../store/memory.ts'
import { openPinset } from './pinset.ts'

const options = { signal: new AbortController().signal }

/** A disk on which writes wait while there is something to wait for. */
function openSlowStore() {
  const memory = openMemoryStore()
  const disk: { wait: Promise<void> | undefined; waitingCount: number } = { wait: undefined, waitingCount: 0 }
  const batch: ByteStore['batch'] = async (...args) => {
    if (disk.wait !== undefined) disk.waitingCount++
    await disk.wait
    await memory.batch(...args)
  }
  const store = new Proxy<ByteStore>(memory, {
    get: (target, name) => {
      if (name === 'batch') return batch
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  return { disk, store }
}

test('a removal by others that is being written when a peer stops is told before the pinset has settled', async () => {
  const hub = fakeNetwork({ clock: systemClock, random: seededRandom(7) })
  await using stack = new AsyncDisposableStack()
  const { disk, store: slow } = openSlowStore()
  const open = async (on: ByteStore) => {
    const identity = createIdentity()
    const parts = { clock: systemClock, random: systemRandom, logger: silentLogger() }
    const network = stack.use(hub.join(identity.id))
    const components = { ...parts, identity, network, store: on, meter: createNoopMeter() }
    return stack.use(await openPinset(components, consensusConfig()))
  }
  const [own, other] = [await open(slow), await open(openMemoryStore())]
  const cid = numberedCid(1)
  await other.put([toPin(cid, {})], options)
  await eventually('the pin is there', () => own.get(cid))

  const written = Promise.withResolvers<void>()
  disk.wait = written.promise
  await other.remove([cid], options)
  await eventually('the removal is on its way to the disk', () => disk.waitingCount > 0)
  const told: string[] = []
  using _listening = own.onChange(cids => void told.push(...cids.map(String)))
  const settling = own.settle()
  await assert.rejects(own.put([toPin(cid, {})], options), { code: 'NOT_READY' })
  await assert.rejects(own.remove([cid], options), { code: 'NOT_READY' })
  written.resolve()
  await settling
  assert.deepEqual(told, [cid.toString()])
  assert.equal(await own.get(cid), undefined)
})
