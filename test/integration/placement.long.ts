import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { openClient } from '../../src/api/client.ts'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'

const CTL = join(import.meta.dirname, '../../src/bin/cluster-ctl.ts')
const run = promisify(execFile)
const options = () => ({ signal: AbortSignal.timeout(60_000) })
const clientOf = ({ host }: PeerProcess) => openClient({ hosts: [host], timeoutMs: 60_000 })

async function ctl({ host }: PeerProcess, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [CTL, '--host', host, ...args])
  return stdout
}

async function openTagged() {
  const processes = await openPeerProcesses()
  for (const [zone, region] of [
    ['1', 'eu'],
    ['1', 'eu'],
    ['2', 'eu'],
    ['3', 'us'],
  ])
    await processes.add({
      environment: {
        CLUSTER_TAGS_TAGS: `group:default,zone:${zone},region:${region}`,
        CLUSTER_IPFSEMBEDDED_PINTIMEOUT: '1h',
      },
    })
  const { peers } = processes
  await eventually('all are known to all', async () => {
    for (const peer of peers)
      for (const name of ['freespace', 'tag:zone']) {
        const metrics = await clientOf(peer).metrics({ params: { name } }, options())
        if (metrics.length < peers.length) return false
      }
    return true
  })
  return processes
}

test('four real peers: pins go where their tags say, and 2,000 pins spread evenly whoever is asked', async t => {
  await using processes = await openTagged()
  const { peers } = processes
  const [a, b, c, d] = peers
  assert.ok(a !== undefined && b !== undefined && c !== undefined && d !== undefined)
  const place = async (number: number, ...args: string[]) => {
    const cid = numberedCid(number).toString()
    await ctl(a, 'pin', 'add', '--no-status', ...args, cid)
    const { allocations } = await clientOf(a).allocation({ params: { hash: cid } }, options())
    return [...(allocations ?? [])].sort()
  }
  const idsOf = (...some: PeerProcess[]) => some.map(({ id }) => id).sort()

  assert.deepEqual(await place(1, '-r', '3', '--require', 'region=eu'), idsOf(a, b, c))
  assert.deepEqual(await place(2, '-r', '2', '--exclude', 'zone=1'), idsOf(c, d))
  const distinct = await place(3, '-r', '3', '--distinct', 'zone')
  assert.ok(distinct.includes(c.id) && distinct.includes(d.id) && distinct.length === 3)

  await assert.rejects(place(4, '-r', '4', '--distinct', 'zone'), ({ stdout }: { stdout: string }) => {
    assert.match(
      stdout,
      /not enough peers to allocate CID\. Needed at least: 4\. .* is in a domain \(tag zone\)/,
    )
    return true
  })
  const cid = numberedCid(3).toString()
  const explained = await ctl(b, 'allocate', '--explain', '-r', '2', '--require', 'region=us,region=eu', cid)
  assert.match(explained, /pinned already; 2 copies wanted, on 2 peers\n/)
  assert.equal(explained.match(/> (STAYS|CHOSEN|SPARE|DROPPED|REFUSED) /g)?.length, 4)
  t.diagnostic(explained)

  await Promise.all(
    peers.map(async (peer, at) => {
      const lines = (async function* () {
        for (let number = 0; number < 500; number++)
          yield Buffer.from(`${numberedCid(1000 + at * 500 + number)}\n`)
      })()
      const query = { replication: '2' }
      for await (const answer of clientOf(peer).pinMany({ lines, query }, options()))
        assert.ok(answer.status !== 'error' && answer.status !== 'stopped', JSON.stringify(answer))
    }),
  )
  await eventually('all pins are at the first peer', async () => {
    const { pins } = await clientOf(a).summary({ query: { local: 'true' } }, options())
    return pins >= 2003
  })
  const counts = new Map(peers.map(({ id }) => [id, 0]))
  for await (const pin of clientOf(a).allocations({ query: {} }, options()))
    for (const peer of pin.allocations ?? []) counts.set(peer, (counts.get(peer) ?? 0) + 1)
  t.diagnostic(`2,000 pins at r = 2, and three others: ${[...counts.values()].join(' / ')}`)
  for (const count of counts.values()) assert.ok(Math.abs(count - 1002) <= 50, String(count))
})
