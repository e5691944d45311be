import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { Create } from 'typebox/value'
import { consensusSchema, toConsensusConfig } from '../../src/consensus/config.ts'
import { openPinset } from '../../src/consensus/pinset.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import type { AskHolds } from '../../src/model/holds.ts'
import { createIdentity } from '../../src/model/identity.ts'
import { toPin } from '../../src/model/pin.ts'
import { heartbeatSchema, monitorSchema, toMonitorConfig } from '../../src/monitor/config.ts'
import { tagsInformerSchema } from '../../src/monitor/informers/config.ts'
import { configuredInformers } from '../../src/monitor/informers/configured-informers.ts'
import { filesystemOf } from '../../src/monitor/informers/filesystem.ts'
import { openMonitor } from '../../src/monitor/monitor.ts'
import { pinTrackerSchema, recoverSchema, toPinTrackerConfig } from '../../src/pintracker/config.ts'
import { openPinTracker } from '../../src/pintracker/tracker.ts'
import { openLevel } from '../../src/store/level.ts'
import { openNode, temporaryFolder } from '../support/embedded-node.ts'
import { eventually } from '../support/eventually.ts'
import { openRealNetwork } from '../support/real-network.ts'
import { sampleBytes, sampleFile, streamOf } from '../support/sample-dag.ts'
import { silentLogger } from '../support/silent-logger.ts'

const limit = () => ({ signal: AbortSignal.timeout(20_000) })
const base = {
  clock: systemClock,
  random: systemRandom,
  logger: silentLogger(),
  meter: createNoopMeter(),
}

test('with a real pinset, store and IPFS node: pins come and go, and a new run finds all as it was', async () => {
  await using folder = await temporaryFolder()
  await using parts = new AsyncDisposableStack()
  const identity = createIdentity()
  const { network } = await openRealNetwork({}, identity)
  parts.use(network)
  const level = async (name: string) => parts.use(await openLevel(join(folder.path, name)))
  const consensus = parts.use(
    await openPinset(
      { ...base, identity, network, store: await level('pinset') },
      toConsensusConfig(Create(consensusSchema)),
    ),
  )
  const ipfs = parts.use(await openNode(folder.path, await level('ipfs')))
  const store = await level('tracker')
  const config = toPinTrackerConfig(Create(pinTrackerSchema), Create(recoverSchema))
  const askHolds: AskHolds = async (_peer, cids) => cids.map(() => true)
  const open = () => openPinTracker({ ...base, consensus, ipfs, store, askHolds, self: identity.id }, config)

  const dags = await Promise.all(
    ['first', 'second', 'third'].map(name => sampleFile(sampleBytes(30_000, name))),
  )
  for (const dag of dags) await ipfs.putBlocks(streamOf(dag.blocks), limit())
  const pins = dags.map(dag =>
    toPin(dag.root, { replicationMin: -1, replicationMax: -1, timestampMs: Date.now() }),
  )
  {
    await using tracker = await open()
    await consensus.put(pins, limit())
    for (const { cid } of pins) {
      await eventually('pinned', async () => (await tracker.status(cid, limit())).status === 'pinned')
      assert.equal(await ipfs.pinned(cid, limit()), 'recursive')
    }
    const listed = []
    for await (const info of tracker.statuses(undefined, limit())) listed.push(info.status)
    assert.deepEqual(listed, ['pinned', 'pinned', 'pinned'])
    await consensus.remove(
      pins.slice(0, 1).map(pin => pin.cid),
      limit(),
    )
    const [first] = pins
    assert.ok(first !== undefined)
    await eventually('unpinned', async () => (await ipfs.pinned(first.cid, limit())) === undefined)
  }
  await using tracker = await open()
  for (const { cid } of pins.slice(1)) {
    await eventually('still pinned', async () => (await tracker.status(cid, limit())).status === 'pinned')
  }
})

test('over real hosts, peers see each other soon after they have connected, and tell their tags', async () => {
  await using parts = new AsyncDisposableStack()
  const none = { disk: undefined, pinqueue: undefined, numpin: undefined, weight: undefined }
  const sections = { ...none, tags: Create(tagsInformerSchema) }
  const config = toMonitorConfig({
    heartbeat: Create(heartbeatSchema),
    monitor: Create(monitorSchema),
    ...sections,
  })
  const [first, second] = [createIdentity(), createIdentity()]
  const join = async (identity: typeof first, peerAddresses: readonly string[]) => {
    const { network } = await openRealNetwork({ peerAddresses }, identity)
    parts.use(network)
    const ipfs = { repoStat: () => Promise.reject(new Error('not asked')) }
    const informers = configuredInformers(
      { ipfs, filesystem: filesystemOf, tracker: { queueLength: 0, pinnedCount: 0 } },
      config.informers,
    )
    const hello = async () => ({ peername: 'one', ipfsId: undefined, ipfsAddresses: [] })
    const monitor = await openMonitor(
      { ...base, network, identity, informers, hello },
      { ...config, clusterName: 'test' },
    )
    return { network, monitor: parts.use(monitor) }
  }
  const a = await join(first, [])
  const b = await join(second, a.network.addresses())
  await eventually('connected', () => a.network.peers().length === 1)
  const both = [first.id, second.id].sort()
  await eventually(
    'both see both',
    () => [a, b].every(({ monitor }) => monitor.peers().join() === both.join()),
    10_000,
  )
  await eventually('tags are told', () => a.monitor.latest('tag:group').length === 2, 10_000)
})
