// Writes pins into the store of a peer that does not run, with the pinset that the peer itself uses.
// usage: node bench/fill.ts FOLDER COUNT [FROM=0] [ID,ID,…]     FOLDER as `cluster-service init` made it
//   ID,ID,…    peers: each pin is allocated to two of them (spread-over.ts); without, to all
import { join } from 'node:path'
import { createNoopMeter } from '@opentelemetry/api'
import { loadSettings } from '../src/config/load.ts'
import { openPinset } from '../src/consensus/pinset.ts'
import { systemClock } from '../src/lib/clock.ts'
import { systemRandom } from '../src/lib/random.ts'
import { toPin } from '../src/model/pin.ts'
import { openLevel } from '../src/store/level.ts'
import { fakeNetwork } from '../test/support/fake-network.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { silentLogger } from '../test/support/silent-logger.ts'
import { keepersOf } from './spread-over.ts'

const AT_ONCE = 10_000
const [folder = '', count = '0', from = '0', peers = ''] = process.argv.slice(2)
const ids = peers.split(',').filter(id => id !== '')
const copies = ids.length === 0 ? -1 : 2
const { signal } = new AbortController()
const settings = await loadSettings({
  folder,
  environment: {},
  signal,
  flags: {
    bootstrap: [],
    isBootstrapTrusted: true,
    hasStats: false,
    hasTracing: false,
    leavesOnShutdown: false,
    logLevel: '',
  },
})
const { identity } = settings
const seams = { clock: systemClock, random: systemRandom, logger: silentLogger(), meter: createNoopMeter() }
await using store = await openLevel(join(settings.storeFolder, 'pinset'), settings.store)
await using network = fakeNetwork(seams).join(identity.id)
await using pinset = await openPinset({ identity, network, store, ...seams }, settings.consensus)

const began = performance.now()
const end = Number(from) + Number(count)
for (let at = Number(from); at < end; at += AT_ONCE) {
  const pins = Array.from({ length: Math.min(AT_ONCE, end - at) }, (_, offset) => {
    const number = at + offset
    const cid = numberedCid(number)
    const keepers = ids.length === 0 ? [] : keepersOf(cid, ids.length)
    return toPin(cid, {
      name: `backup of 2026, part ${number}`,
      timestampMs: Date.now(),
      allocations: keepers.map(at => ids[at] ?? ''),
      replicationMin: copies,
      replicationMax: copies,
    })
  })
  await pinset.put(pins, { signal })
  const done = at + pins.length - Number(from)
  if (done % 100_000 === 0)
    console.error(`filled ${done}, ${Math.round((done / (performance.now() - began)) * 1000)} a second`)
}
