import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import test from 'node:test'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses, type PeerProcess, type PeerProcesses } from '../support/peer-processes.ts'

const LIMIT = { timeout: 180_000 }
const QUICK_RETRY = { CLUSTER_IPFSEMBEDDED_PINTIMEOUT: '5s' }

async function openThree(): Promise<PeerProcesses> {
  const processes = await openPeerProcesses()
  for (let count = 0; count < 3; count++) await processes.add({ environment: QUICK_RETRY })
  await eventually(
    'every peer sees all',
    async () => {
      const counts = await Promise.all(processes.peers.map(peer => lines(peer, '/peers')))
      return counts.every(list => list.length === 3)
    },
    30_000,
  )
  return processes
}

async function lines(peer: PeerProcess, path: string): Promise<string[]> {
  const answer = await fetch(`${peer.url}${path}`)
  return (await answer.text()).split('\n').filter(line => line !== '')
}

/** The CIDs in a peer's pinset, sorted. */
async function pinset(peer: PeerProcess): Promise<string[]> {
  return (await lines(peer, '/allocations')).map(line => String(JSON.parse(line).cid)).sort()
}

async function add(peer: PeerProcess, name: string, content: string): Promise<string> {
  const form = new FormData()
  form.append('file', new Blob([content]), name)
  const answer = await fetch(`${peer.url}/add`, { method: 'POST', body: form })
  const last = (await answer.text()).trim().split('\n').at(-1) ?? ''
  return String(JSON.parse(last).cid)
}

async function statuses(peer: PeerProcess, cid: string): Promise<string[]> {
  const answer: unknown = await (await fetch(`${peer.url}/pins/${cid}`)).json()
  assert.ok(typeof answer === 'object' && answer !== null && 'peer_map' in answer)
  return Object.values(answer.peer_map as Record<string, { status: string }>).map(({ status }) => status)
}

/** Pins one CID after the other until told to stop; keeps every CID that was answered with success. */
function writeTo(peer: PeerProcess, from: number) {
  const acknowledged: string[] = []
  const stopping = new AbortController()
  const done = (async () => {
    for (let number = from; !stopping.signal.aborted; number++) {
      const cid = numberedCid(number).toString()
      const answer = await fetch(`${peer.url}/pins/${cid}`, { method: 'POST' }).catch(() => undefined)
      if (answer?.ok) acknowledged.push(cid)
      await answer?.arrayBuffer().catch(() => undefined)
      if (answer === undefined) return
    }
  })()
  return {
    acknowledged,
    stop: async () => {
      stopping.abort()
      await done
    },
  }
}

async function equalEventually(peers: readonly PeerProcess[], atLeast: readonly string[]): Promise<void> {
  await eventually(
    'all pinsets are equal and hold every acknowledged pin',
    async () => {
      const [first = [], ...others] = await Promise.all(peers.map(pinset))
      const held = new Set(first)
      assert.deepEqual(
        atLeast.filter(cid => !held.has(cid)),
        [],
      )
      for (const other of others) assert.deepEqual(other, first)
      return true
    },
    60_000,
  )
}

test(
  'content added at one peer is pinned at all three, and gone from all after unpinning',
  LIMIT,
  async () => {
    await using processes = await openThree()
    const [first, second, third] = processes.peers
    assert.ok(first && second && third)
    const cid = await add(first, 'hello.txt', 'hello\n')
    assert.equal(cid, 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN')
    for (const peer of processes.peers) {
      await eventually(
        `${peer.url} says pinned everywhere`,
        async () => (await statuses(peer, cid)).join() === 'pinned,pinned,pinned',
        30_000,
      )
    }
    const gone = await fetch(`${second.url}/pins/${cid}`, { method: 'DELETE' })
    assert.equal(gone.status, 200)
    await eventually(
      'unpinned everywhere',
      async () => (await statuses(third, cid)).join() === 'unpinned,unpinned,unpinned',
      30_000,
    )
  },
)

test(
  'a peer that is killed while it takes writes loses nothing that it acknowledged, and catches up',
  LIMIT,
  async () => {
    await using processes = await openThree()
    const [first, second] = processes.peers
    assert.ok(first && second)
    const atFirst = writeTo(first, 0)
    const atSecond = writeTo(second, 1_000_000)
    await eventually('a few hundred pins are acknowledged', () => atFirst.acknowledged.length > 300, 60_000)
    await first.kill()
    await atFirst.stop()
    await eventually('the second goes on', () => atSecond.acknowledged.length > 600, 60_000)
    await first.start()
    await atSecond.stop()
    await equalEventually(processes.peers, [...atFirst.acknowledged, ...atSecond.acknowledged])
  },
)

test('a peer that joins late gets the whole pinset', LIMIT, async () => {
  await using processes = await openThree()
  const [first] = processes.peers
  assert.ok(first)
  const writer = writeTo(first, 0)
  await eventually('a few hundred pins are acknowledged', () => writer.acknowledged.length > 300, 60_000)
  await processes.add({ environment: QUICK_RETRY })
  await writer.stop()
  await equalEventually(processes.peers, writer.acknowledged)
})

test(
  'peers that stood still while the others wrote, and wrote while the others stood still, end equal',
  LIMIT,
  async () => {
    await using processes = await openThree()
    const [first, second, third] = processes.peers
    assert.ok(first && second && third)
    third.signal('SIGSTOP')
    const side = writeTo(first, 0)
    await eventually('one side has written', () => side.acknowledged.length > 200, 60_000)
    await side.stop()
    first.signal('SIGSTOP')
    second.signal('SIGSTOP')
    third.signal('SIGCONT')
    const other = writeTo(third, 1_000_000)
    await eventually('the other side has written', () => other.acknowledged.length > 200, 60_000)
    await other.stop()
    first.signal('SIGCONT')
    second.signal('SIGCONT')
    await equalEventually(processes.peers, [...side.acknowledged, ...other.acknowledged])
  },
)

test('bad input is refused with an error that names it', LIMIT, async () => {
  await using processes = await openPeerProcesses()
  const peer = await processes.add()
  const refused = await fetch(`${peer.url}/pins/not-a-cid`, { method: 'POST' })
  assert.equal(refused.status, 400)
  assert.match(Buffer.from(await refused.arrayBuffer()).toString(), /not-a-cid/)
})
