// Scenarios of the reference's own tests of several peers, with real peers in one process over doubles of Kubo.
import assert from 'node:assert/strict'
import test from 'node:test'
import { openDaemons, type TestDaemon } from '../support/daemons.ts'
import { eventually } from '../support/eventually.ts'
import { openKuboDouble } from '../support/kubo-double.ts'
import { numberedCid } from '../support/numbered-cid.ts'

const LIMIT = { timeout: 180_000 }
const QUICK = {
  CLUSTER_MONITORPINGINTERVAL: '500ms',
  CLUSTER_PUBSUBMON_ACCEPTABLEPAUSE: '2s',
  CLUSTER_PUBSUBMON_UNREACHABLEAFTER: '4s',
  CLUSTER_PUBSUBMON_GONEAFTER: '6s',
  // A peer that says that it stops is given time to come back; here none is wanted.
  CLUSTER_PUBSUBMON_RESTARTGRACE: '0s',
  CLUSTER_ALERTS_CHECKINTERVAL: '500ms',
  CLUSTER_REPINDELAY: '0s',
}

interface PinJson {
  readonly cid: string
  readonly name: string
  readonly allocations: readonly string[]
  readonly max_depth: number
  readonly expire_at: string
  readonly pin_update?: string | null
}
interface StatusJson {
  readonly name: string
  readonly peer_map: Readonly<Record<string, { readonly status: string; readonly ipfs_peer_id: string }>>
}
interface AlertJson {
  readonly kind: string
  readonly peer: string
  readonly cleared_at?: string
}
interface GraphJson {
  readonly cluster_links: Readonly<Record<string, readonly string[]>>
  readonly cluster_health: Readonly<Record<string, { readonly condition: string }>>
}

type Options = Readonly<Record<string, string | number>>

async function openCluster(
  count: number,
  more: (at: number) => Readonly<Record<string, string>> = () => ({}),
) {
  await using opened = new AsyncDisposableStack()
  const kubos = await Promise.all(Array.from({ length: count }, () => openKuboDouble()))
  for (const kubo of kubos) opened.use(kubo)
  const nodes = kubos.map(({ address }) => address as `/${string}`)
  const { peers } = opened.use(await openDaemons(nodes, at => ({ ...QUICK, ...more(at) })))
  await seenByAll(peers, peers.length)
  const all = opened.move()
  return { peers, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/** Waits until every peer of the given takes so many for living, and knows of as many how full they are. */
async function seenByAll(peers: readonly TestDaemon[], count: number): Promise<void> {
  await eventually(
    `every peer sees ${count}`,
    async () => {
      const listed = await Promise.all(peers.map(peer => lines<{ readonly error: string }>(peer, '/peers')))
      const living = listed.map(list => list.filter(({ error }) => error === ''))
      const space = await Promise.all(
        peers.map(peer => get<readonly unknown[]>(peer, '/monitor/metrics/freespace')),
      )
      return living.every(list => list.length === count) && space.every(list => list.length >= count)
    },
    40_000,
  )
}

async function ask(peer: TestDaemon, method: string, path: string): Promise<Response> {
  return fetch(`${peer.url}${path}`, { method })
}

async function get<Answer>(peer: TestDaemon, path: string): Promise<Answer> {
  const answer = await ask(peer, 'GET', path)
  assert.equal(answer.status, 200, path)
  return (await answer.json()) as Answer
}

async function lines<Line>(peer: TestDaemon, path: string): Promise<readonly Line[]> {
  const text = await (await ask(peer, 'GET', path)).text()
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line)
}

const pathOf = (number: number) => `/pins/${numberedCid(number)}`

async function tryPin(peer: TestDaemon, number: number, options: Options = {}): Promise<Response> {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(options)) query.set(key, String(value))
  return ask(peer, 'POST', `${pathOf(number)}?${query}`)
}

async function pin(peer: TestDaemon, number: number, options: Options = {}): Promise<PinJson> {
  const answer = await tryPin(peer, number, options)
  const text = await answer.text()
  assert.equal(answer.status, 200, text)
  return JSON.parse(text) as PinJson
}

const copies = (min: number, max: number) => ({ 'replication-min': min, 'replication-max': max })
const allocation = (peer: TestDaemon, number: number) =>
  get<PinJson>(peer, `/allocations/${numberedCid(number)}`)

/** Waits until so many peers say a state of a CID. */
async function counted(
  peer: TestDaemon,
  number: number,
  wanted: Readonly<Record<string, number>>,
): Promise<void> {
  await eventually(
    `CID ${number} is ${JSON.stringify(wanted)}`,
    async () => {
      const { peer_map } = await get<StatusJson>(peer, pathOf(number))
      const counts: Record<string, number> = {}
      for (const { status } of Object.values(peer_map)) counts[status] = (counts[status] ?? 0) + 1
      assert.deepEqual(counts, wanted)
      return true
    },
    20_000,
  )
}

function at(peers: readonly TestDaemon[], place: number): TestDaemon {
  return peers[place] ?? assert.fail(`there is no peer ${place}`)
}

test('with all peers up: replication, updates, direct pins, garbage, graph and expiry', LIMIT, async t => {
  await using cluster = await openCluster(5)
  const { peers } = cluster
  const [first, second] = [at(peers, 0), at(peers, 1)]

  await t.test('StatusAll: an item with its name, an entry a peer, each with its IPFS id', async () => {
    await pin(first, 1, { name: 'site' })
    await counted(second, 1, { pinned: 5 })
    const [item, ...others] = await lines<StatusJson>(second, '/pins')
    assert.deepEqual([others.length, item?.name], [0, 'site'])
    const entries = Object.values(item?.peer_map ?? {})
    assert.equal(entries.length, 5)
    assert.ok(entries.every(({ ipfs_peer_id }) => ipfs_peer_id.startsWith('12D3')))
  })

  await t.test(
    'Replication: pinned on N−1 and remote on one; as many as the maximum, if they are there',
    async () => {
      for (const [number, min] of [
        [2, 4],
        [3, 1],
      ] as const) {
        assert.equal((await pin(at(peers, number), number, copies(min, 4))).allocations.length, 4)
        await counted(first, number, { pinned: 4, remote: 1 })
      }
    },
  )

  await t.test('MaxLower: a lower maximum shrinks the allocations', async () => {
    const before = await pin(first, 4, copies(4, 4))
    const after = await pin(first, 4, copies(1, 2))
    assert.equal(after.allocations.length, 2)
    assert.ok(after.allocations.every(peer => before.allocations.includes(peer)))
    await counted(first, 4, { pinned: 2, remote: 3 })
  })

  await t.test('PinUpdate: an entry like its source, with a name and an expiry of its own', async () => {
    const missing = await tryPin(first, 6, { 'pin-update': numberedCid(5).toString() })
    assert.equal(missing.status, 404)
    const source = await pin(first, 5, { ...copies(2, 2), name: 'old' })
    const chosen = { 'user-allocations': peers.map(({ id }) => id).join(',') }
    const expireAt = new Date(Date.now() + 3_600_000).toISOString()
    const wanted = { 'pin-update': numberedCid(5).toString(), name: 'new', 'expire-at': expireAt }
    const updated = await pin(first, 6, { ...wanted, ...chosen })
    assert.deepEqual([...updated.allocations].sort(), [...source.allocations].sort())
    assert.deepEqual([updated.name, updated.max_depth], ['new', source.max_depth])
    assert.equal(updated.pin_update, numberedCid(5).toString())
    assert.ok(Math.abs(Date.parse(updated.expire_at) - Date.parse(expireAt)) < 1000)
  })

  await t.test('PinDirect: direct, then recursive; never from recursive to direct', async () => {
    assert.equal((await pin(first, 7, { mode: 'direct' })).max_depth, 0)
    assert.equal((await pin(first, 7, { mode: 'recursive' })).max_depth, -1)
    assert.notEqual((await tryPin(first, 7, { mode: 'direct' })).status, 200)
  })

  await t.test('RepoGC: every peer reports, none with an error', async () => {
    const answer = await ask(first, 'POST', '/ipfs/gc')
    const { peer_map } = (await answer.json()) as { peer_map: Record<string, { error?: string }> }
    assert.deepEqual(Object.keys(peer_map).sort(), peers.map(({ id }) => id).sort())
    assert.ok(Object.values(peer_map).every(({ error }) => error === undefined))
  })

  await t.test('Graph connected: every peer is linked to every other', async () => {
    await eventually('all links are there', async () => {
      const { cluster_links } = await get<GraphJson>(first, '/health/graph')
      const counts = Object.values(cluster_links).map(links => links.length)
      assert.deepEqual(counts, [4, 4, 4, 4, 4])
      return true
    })
  })

  await t.test('Expiration: not before its time, and gone within ten seconds of it', async () => {
    const expireMs = Date.now() + 3000
    for (const number of [8, 9, 10])
      await pin(at(peers, number - 7), number, { 'expire-at': new Date(expireMs).toISOString() })
    const left = async () => {
      const all = await lines<PinJson>(second, '/allocations')
      const asked = new Set([8, 9, 10].map(number => numberedCid(number).toString()))
      return all.filter(({ cid }) => asked.has(cid)).length
    }
    const atMs = await eventually(
      'they are gone',
      async () => {
        const [count, nowMs] = [await left(), Date.now()]
        if (nowMs < expireMs) assert.equal(count, 3)
        return count === 0 ? nowMs : false
      },
      20_000,
    )
    assert.ok(atMs >= expireMs && atMs < expireMs + 10_000, `gone after ${atMs - expireMs} ms`)
  })
})

test('with peers down and no repinning: allocations, alerts, graph and states', LIMIT, async t => {
  await using cluster = await openCluster(5, () => ({ CLUSTER_DISABLEREPINNING: 'true' }))
  const { peers } = cluster
  const [first, second, third, fourth, last] = [0, 1, 2, 3, 4].map(place => at(peers, place))
  assert.ok(first && second && third && fourth && last)
  const on = (...these: readonly TestDaemon[]) => ({
    'user-allocations': these.map(({ id }) => id).join(','),
  })
  await pin(first, 1, { ...copies(2, 2), ...on(first, last) })
  await pin(first, 2, { ...copies(2, 3), ...on(first, second, last) })
  await pin(first, 3, { ...copies(3, 3), ...on(first, second, last) })
  const before = await Promise.all([1, 2, 3].map(number => allocation(first, number)))
  for (const number of [1, 2, 3])
    await counted(second, number, number === 1 ? { pinned: 2, remote: 3 } : { pinned: 3, remote: 2 })
  await last.stop()
  const living = [first, second, third, fourth]

  await t.test('Alerts: one for the stopped peer, at every other', async () => {
    for (const peer of living) {
      await eventually(
        `${peer.id} raises an alert`,
        async () => {
          const alerts = await get<readonly AlertJson[]>(peer, '/health/alerts')
          const own = alerts.filter(
            ({ kind, cleared_at }) => kind?.startsWith('peer-') && cleared_at === undefined,
          )
          assert.deepEqual(
            own.map(alert => alert.peer),
            [last.id],
          )
          return true
        },
        30_000,
      )
    }
  })
  await seenByAll(living, 4)

  await t.test('StatusAll with a peer stopped: the others are listed', async () => {
    const items = await lines<StatusJson>(first, '/pins')
    assert.equal(items.length, 3)
    for (const { peer_map } of items) assert.ok(living.every(({ id }) => peer_map[id] !== undefined))
  })

  await t.test(
    'Graph unhealthy: the links of the stopped peer are missing, all others are there',
    async () => {
      await eventually('the links are as they should be', async () => {
        const { cluster_links } = await get<GraphJson>(second, '/health/graph')
        assert.deepEqual(cluster_links[last.id], [])
        for (const { id } of living) assert.equal(cluster_links[id]?.length, 3)
        return true
      })
    },
  )

  await t.test('DisabledRepinning: nothing is allocated anew, not even when the peer is gone', async () => {
    await eventually(
      'the peer is gone',
      async () => {
        const alerts = await get<readonly AlertJson[]>(first, '/health/alerts')
        return alerts.some(({ kind, peer }) => kind === 'peer-gone' && peer === last.id)
      },
      60_000,
    )
    const after = await Promise.all([1, 2, 3].map(number => allocation(second, number)))
    assert.deepEqual(after, before)
    for (const entry of after) assert.ok(entry.allocations.includes(last.id))
  })

  await t.test(
    'MinMax, no realloc: with enough copies left, pinning again keeps the allocations',
    async () => {
      const after = await pin(first, 2, { ...copies(2, 3), name: 'again' })
      for (const { id } of [first, second]) assert.ok(after.allocations.includes(id))
    },
  )

  await t.test(
    'Realloc, and MinMax realloc: below the minimum, pinning again fills up with living peers',
    async () => {
      await eventually(
        'the second takes the others for well, and the stopped one for gone',
        async () => {
          const { cluster_health } = await get<GraphJson>(second, '/health/graph')
          assert.ok(living.every(({ id }) => cluster_health[id]?.condition === 'alive'))
          return cluster_health[last.id]?.condition === 'gone'
        },
        30_000,
      )
      for (const [number, wanted] of [
        [1, 2],
        [3, 3],
      ] as const) {
        const after = await pin(second, number, { ...copies(wanted, wanted), name: 'again' })
        assert.equal(after.allocations.length, wanted)
        const shown = JSON.stringify({ after: after.allocations, first: first.id, last: last.id })
        assert.ok(!after.allocations.includes(last.id), shown)
        assert.ok(after.allocations.includes(first.id), shown)
        await counted(first, number, { pinned: wanted, remote: 4 - wanted })
      }
    },
  )

  await fourth.stop()
  const few = [first, second, third]
  await seenByAll(few, 3)

  await t.test('InBetween: with two down and any number wanted, all that are left', async () => {
    assert.equal((await pin(first, 4, copies(1, 5))).allocations.length, 3)
    await counted(second, 4, { pinned: 3 })
  })

  await t.test('Min, NotEnoughPeers: more wanted than there are is an error that says so', async () => {
    const refused = await tryPin(second, 5, copies(4, 4))
    assert.notEqual(refused.status, 200)
    assert.match(await refused.text(), /not enough peers to allocate CID/)
  })
})

test(
  'RebalanceOnPeerDown: what a stopped peer kept becomes pinned on one that did not have it',
  LIMIT,
  async () => {
    await using cluster = await openCluster(4)
    const { peers } = cluster
    const [first, second, third, last] = [0, 1, 2, 3].map(place => at(peers, place))
    assert.ok(first && second && third && last)
    const chosen = { 'user-allocations': `${first.id},${last.id}` }
    const numbers = [1, 2, 3, 4, 5]
    for (const number of numbers) await pin(first, number, { ...copies(2, 2), ...chosen })
    for (const number of numbers) await counted(second, number, { pinned: 2, remote: 2 })
    await last.stop()
    for (const number of numbers) {
      await eventually(
        `CID ${number} has moved`,
        async () => {
          const { allocations } = await allocation(second, number)
          assert.deepEqual([allocations.length, allocations.includes(first.id)], [2, true])
          return !allocations.includes(last.id)
        },
        60_000,
      )
      await counted(first, number, { pinned: 2, remote: 1 })
    }
  },
)

test(
  'FollowerMode: a follower refuses writes, keeps what the others pin, and shows its own state',
  LIMIT,
  async () => {
    await using cluster = await openCluster(2, place => (place === 1 ? { CLUSTER_FOLLOWERMODE: 'true' } : {}))
    const [leader, follower] = [at(cluster.peers, 0), at(cluster.peers, 1)]
    await pin(leader, 1)
    await counted(leader, 1, { pinned: 2 })
    for (const [method, path] of [
      ['POST', pathOf(2)],
      ['DELETE', pathOf(1)],
    ] as const)
      assert.equal((await ask(follower, method, path)).status, 503, method)
    const form = new FormData()
    form.append('file', new Blob(['content']), 'file')
    const added = await fetch(`${follower.url}/add?stream-channels=false`, { method: 'POST', body: form })
    assert.match(await added.text(), /follower/)
    const { peer_map } = await get<StatusJson>(follower, pathOf(1))
    assert.deepEqual(Object.keys(peer_map), [follower.id])
  },
)
