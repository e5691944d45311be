import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import { openDaemons, type TestDaemon } from '../support/daemons.ts'
import { eventually } from '../support/eventually.ts'
import { findKubo, startKubo } from '../support/kubo.ts'
import { mountingUnavailable, openSmallDisk } from '../support/small-disk.ts'

const LIMIT = { timeout: 175_000 }
const PATIENCE_MS = 90_000
const CTL = join(import.meta.dirname, '../../src/bin/cluster-ctl.ts')
const SMALL_BYTES = 6_000_000

interface Why {
  readonly allocations: readonly string[]
  readonly no_room: string
  readonly peers: Record<string, { readonly status: string; readonly reason: string; readonly has: string }>
}

interface Alert {
  readonly kind: string
  readonly subject: string
  readonly message: string
  readonly cleared_at?: string
}

async function ctl({ url }: TestDaemon, ...line: readonly string[]): Promise<string> {
  const host = `/ip4/127.0.0.1/tcp/${new URL(url).port}`
  const { stdout } = await promisify(execFile)(process.execPath, [CTL, '--host', host, ...line])
  return stdout
}

async function ask<Answer>({ url }: TestDaemon, path: string, method = 'GET'): Promise<Answer> {
  const answer = await fetch(`${url}${path}`, { method })
  const text = await answer.text()
  assert.equal(answer.status, 200, `${path}: ${text}`)
  return JSON.parse(text) as Answer
}

/** Adds random content that one peer keeps. */
async function add(peer: TestDaemon, bytes: number, keeper: TestDaemon): Promise<string> {
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(randomBytes(bytes))]), 'file')
  const query = `replication-min=1&replication-max=1&user-allocations=${keeper.id}`
  const answer = await fetch(`${peer.url}/add?${query}`, { method: 'POST', body: form })
  const text = await answer.text()
  const { cid } = JSON.parse(text.trim().split('\n').at(-1) ?? '') as { readonly cid?: string }
  assert.ok(cid !== undefined, text)
  await eventually('it is pinned', async () => (await why(peer, cid)).peers[keeper.id]?.status === 'pinned')
  return cid
}

const why = (peer: TestDaemon, cid: string) => ask<Why>(peer, `/pins/${cid}/why`)

async function activeAlerts(peers: readonly TestDaemon[], kind: string): Promise<readonly Alert[]> {
  const lists = await Promise.all(peers.map(peer => ask<readonly Alert[]>(peer, '/health/alerts')))
  return lists.flat().filter(alert => alert.kind === kind && alert.cleared_at === undefined)
}

async function knowEachOther(peers: readonly TestDaemon[]): Promise<void> {
  for (const peer of peers)
    await eventually(
      'all peers tell how much room they have',
      async () => (await ask<readonly unknown[]>(peer, '/monitor/metrics/freespace')).length === peers.length,
      PATIENCE_MS,
    )
}

test(
  'content that does not fit is placed elsewhere, and a drain waits for room, says so, and ends',
  LIMIT,
  async () => {
    const small = {
      CLUSTER_IPFSEMBEDDED_STORAGEMAXBYTES: String(SMALL_BYTES),
      CLUSTER_ALERTS_CHECKINTERVAL: '1s',
    }
    await using daemons = await openDaemons(['embedded', 'embedded', 'embedded', 'embedded'], at =>
      at === 1 || at === 2 ? small : {},
    )
    const { peers } = daemons
    const [roomy, full, alsoFull, other] = peers
    assert.ok(roomy && full && alsoFull && other)
    await knowEachOther(peers)
    await add(roomy, 4_200_000, full)
    await add(roomy, 4_200_000, alsoFull)

    // 3 MB for which there are 1.8 left.
    const cid = await add(roomy, 3_000_000, roomy)
    await ask(roomy, `/pins/${cid}?replication-min=2&replication-max=2&user-allocations=${full.id}`, 'POST')
    assert.deepEqual(new Set((await why(roomy, cid)).allocations), new Set([roomy.id, full.id]))
    const failed = await eventually(
      'it finds no room',
      async () => {
        const found = await why(other, cid)
        return found.peers[full.id]?.reason === 'IPFS_FULL' && found
      },
      PATIENCE_MS,
    )
    assert.match(failed.no_room, /another peer can take it, such as peer3/)
    assert.match(await ctl(other, 'why', cid), /no room where it is to be: another peer can take it/)
    const told = await eventually('the others hear that it is full', async () => {
      const alerts = await activeAlerts([other], 'store-full')
      return alerts.length > 0 && alerts
    })
    assert.deepEqual(
      told.map(({ subject }) => subject),
      [full.id],
    )
    await eventually(
      'it is moved',
      async () => !(await why(roomy, cid)).allocations.includes(full.id),
      PATIENCE_MS,
    )
    const moved = await eventually('it is there', async () => {
      const found = await why(roomy, cid)
      return found.allocations.every(peer => found.peers[peer]?.status === 'pinned') && found
    })
    assert.deepEqual(new Set(moved.allocations), new Set([roomy.id, other.id]))
    assert.deepEqual(await activeAlerts(peers, 'no-room'), [])

    // A copy that only the drained peer has, and room for it nowhere but on a peer that gets nothing new.
    await ask(roomy, `/pins/${cid}`, 'DELETE')
    const sole = await add(roomy, 3_000_000, roomy)
    await ask(roomy, `/peers/${other.id}/cordon`, 'POST')
    await ask(roomy, `/peers/${roomy.id}/drain?force=true`, 'POST')
    await eventually(
      'it stays with a peer that has no room, and an alert says so',
      async () => {
        const told = (await activeAlerts(peers, 'no-room')).map(({ message }) => message).join()
        return told.includes(sole) && /1 pin finds no room on a peer that is to keep it/.test(told)
      },
      PATIENCE_MS,
    )
    const left = await ctl(other, 'peers', 'drain', '--force', roomy.id)
    assert.match(left, /Allocated: 0 \| Held for hand-over: 1 \| Waits for room on: peer[12] \(1\)/)
    const report = await ask<Record<string, number>>(other, '/health/replication?checked=true')
    assert.deepEqual([report['none'], report['held'], report['pins']], [0, 1, 3])
    const copies = await ctl(other, 'health', 'replication', '--checked')
    assert.match(copies, /1 of them with a copy that a peer holds only/)

    // A peer that takes new content: what is left moves there, and is handed over.
    await ask(full, `/peers/${other.id}/uncordon`, 'POST')
    await ctl(full, 'peers', 'drain', '--wait', '--wait-timeout', '100s', roomy.id)
    const kept = await why(full, sole)
    assert.deepEqual(kept.allocations, [other.id])
    assert.equal(kept.peers[other.id]?.has, 'recursive')
    await eventually(
      'the alert is cleared',
      async () => (await activeAlerts(peers, 'no-room')).length === 0,
      PATIENCE_MS,
    )
  },
)

test('a pin that does not fit on the disk of a Kubo is placed elsewhere', {
  ...LIMIT,
  skip: await noKuboOnDisk(),
}, async () => {
  const binary = await findKubo()
  assert.ok(binary !== undefined)
  await using disk = await openSmallDisk(8_000_000)
  await using kubo = await startKubo(binary, 0, disk.path)
  await using daemons = await openDaemons(['embedded', kubo.rpcAddress as `/${string}`, 'embedded'])
  const { peers } = daemons
  const [roomy, full, other] = peers
  assert.ok(roomy && full && other)
  await knowEachOther(peers)
  const cid = await add(roomy, 12_000_000, roomy)
  await ask(roomy, `/pins/${cid}?replication-min=2&replication-max=2&user-allocations=${full.id}`, 'POST')
  await eventually(
    'it finds no room',
    async () => (await why(other, cid)).peers[full.id]?.reason === 'IPFS_FULL',
    PATIENCE_MS,
  )
  await eventually(
    'it is pinned elsewhere',
    async () => {
      const { allocations, peers: states } = await why(roomy, cid)
      return allocations.includes(other.id) && states[other.id]?.status === 'pinned'
    },
    PATIENCE_MS,
  )
})

async function noKuboOnDisk(): Promise<string | false> {
  if ((await findKubo()) === undefined) return 'no Kubo: put ipfs on the PATH or name it in KUBO_BIN'
  return (await mountingUnavailable()) ?? false
}
