import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import { eventually } from '../support/eventually.ts'
import { findKubo, startKubo } from '../support/kubo.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { freePort, openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'

const LIMIT = { timeout: 90_000 }
const SERVICE = join(import.meta.dirname, '../../src/bin/cluster-service.ts')
const EMBEDDED = { environment: { CLUSTER_IPFSEMBEDDED_PINTIMEOUT: '5s' } }
const MIB = 1024 * 1024

interface Answer {
  readonly status: number
  readonly text: string
}

async function ask(peer: PeerProcess, method: string, path: string, body?: FormData): Promise<Answer> {
  const answer = await fetch(`${peer.url}${path}`, body === undefined ? { method } : { method, body })
  return { status: answer.status, text: await answer.text() }
}

/** One whole answer to an upload: records, or an error with its status. */
function upload(peer: PeerProcess, content: string): Promise<Answer> {
  const form = new FormData()
  form.append('file', new Blob([content]), 'file')
  return ask(peer, 'POST', '/add?stream-channels=false', form)
}

async function add(peer: PeerProcess, content: string): Promise<string> {
  const { status, text } = await upload(peer, content)
  assert.equal(status, 200, text)
  return String(JSON.parse(text).at(-1).cid)
}

/** `<status> <error>` of a CID at the peer itself. */
async function stateOf(peer: PeerProcess, cid: string): Promise<string> {
  const { text } = await ask(peer, 'GET', `/pins/${cid}?local=true`)
  const { status, error } = JSON.parse(text).peer_map[peer.id]
  return `${status} ${error}`
}

async function pinset(peer: PeerProcess): Promise<readonly string[]> {
  const { text } = await ask(peer, 'GET', '/allocations')
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => String(JSON.parse(line).cid))
}

/** Runs cluster-service in the peer's folder to its end. */
async function service(peer: PeerProcess, environment: Readonly<Record<string, string>>, ...args: string[]) {
  const env = { PATH: process.env['PATH'], CLUSTER_PATH: peer.folder, ...environment }
  const child = spawn(process.execPath, [SERVICE, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const [code] = await once(child, 'close')
  return { code, said }
}

/** Resident memory of the peer, MiB. */
async function residentMib(peer: PeerProcess): Promise<number> {
  const text = await readFile(`/proc/${peer.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) / 1024
}

test(
  'what keeps a daemon from starting is named, with status 1; a lock left by kill -9 is none',
  LIMIT,
  async () => {
    await using processes = await openPeerProcesses()
    const peer = await processes.add(EMBEDDED)
    const second = await service(peer, {}, 'daemon')
    assert.equal(second.code, 1)
    assert.match(second.said, /someone else has the lock.*stop it first/)
    await peer.kill()
    await peer.start()
    const taken = new URL(peer.url).port
    await using others = await openPeerProcesses()
    const other = await others.add(EMBEDDED)
    await other.stop()
    const used = { CLUSTER_LISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${taken}` }
    const blocked = await service(other, used, 'daemon')
    assert.equal(blocked.code, 1)
    assert.match(blocked.said, new RegExp(`tcp/${taken}: the port is in use .*cluster.listen_multiaddress`))
    const file = join(other.folder, 'service.json')
    const good = JSON.parse(await readFile(file, 'utf8'))
    const bad = { ...good.cluster, replication_factor_min: 'two', bogus: 1 }
    await writeFile(file, JSON.stringify({ ...good, cluster: bad }))
    const faulty = await service(other, { CLUSTER_MONITORPINGINTERVAL: 'soon' }, 'daemon')
    assert.equal(faulty.code, 1)
    for (const fault of ['cluster.bogus', 'cluster.replication_factor_min', 'CLUSTER_MONITORPINGINTERVAL']) {
      assert.ok(faulty.said.includes(fault), faulty.said)
    }
  },
)

test('content that is pinned and unpinned in a hurry, at either peer, ends unpinned', LIMIT, async () => {
  await using processes = await openPeerProcesses()
  const peers = [await processes.add(EMBEDDED), await processes.add(EMBEDDED)]
  const [first] = peers
  assert.ok(first)
  const cids = await Promise.all(Array.from({ length: 20 }, (_, number) => add(first, `content ${number}`)))
  await eventually('both hold the pinset', async () => {
    const counts = await Promise.all(peers.map(async peer => (await pinset(peer)).length))
    return counts.every(count => count === cids.length)
  })
  const hurry = async (cid: string, peer: PeerProcess) => {
    for (let round = 0; round < 5; round++) {
      assert.equal((await ask(peer, 'POST', `/pins/${cid}`)).status, 200)
      assert.equal((await ask(peer, 'DELETE', `/pins/${cid}`)).status, 200)
    }
  }
  await Promise.all(cids.map((cid, number) => hurry(cid, peers[number % 2] ?? first)))
  await eventually(
    'nothing is pinned anywhere',
    async () => {
      for (const peer of peers) {
        assert.deepEqual(await pinset(peer), [])
        for (const cid of cids) assert.equal(await stateOf(peer, cid), 'unpinned ')
      }
      return true
    },
    30_000,
  )
})

test(
  'a peer that is killed in the midst of uploads, and one whose IPFS folder was wiped, hold all again',
  LIMIT,
  async () => {
    await using processes = await openPeerProcesses()
    const [first, second] = [await processes.add(EMBEDDED), await processes.add(EMBEDDED)]
    const acknowledged: string[] = []
    for (let round = 0; round < 2; round++) {
      const before = acknowledged.length
      const write = async (writer: number) => {
        for (let number = 0; ; number++) {
          const cid = await add(first, `${round} ${writer} ${number} `.repeat(30_000)).catch(() => undefined)
          if (cid === undefined) return
          acknowledged.push(cid)
        }
      }
      const writers = Promise.all([0, 1, 2].map(write))
      await eventually('some are acknowledged', () => acknowledged.length > before + 5, 30_000)
      await first.kill()
      await writers
      await first.start()
    }
    const areHeld = () =>
      eventually(
        'both say pinned of every acknowledged upload',
        async () => {
          for (const peer of [first, second]) {
            for (const cid of acknowledged) assert.equal(await stateOf(peer, cid), 'pinned ')
          }
          return true
        },
        40_000,
      )
    await areHeld()
    await second.stop()
    await rm(join(second.folder, 'ipfs'), { recursive: true })
    await second.start()
    await eventually('it says that blocks were removed', () => second.log().includes('must be pinned anew'))
    await areHeld()
  },
)

test('a full disk makes a peer read-only; it answers reads, and takes writes again when there is room', {
  ...LIMIT,
  skip: process.platform === 'linux' ? false : 'prlimit is of Linux',
}, async () => {
  await using processes = await openPeerProcesses()
  const peer = await processes.add(EMBEDDED)
  // Writes beyond that size of a file fail as on a full disk.
  const limitFiles = (bytes: string) =>
    execFileSync('prlimit', ['--pid', String(peer.pid), `--fsize=${bytes}:unlimited`])
  const acknowledged: string[] = []
  const pin = async (number: number) => {
    const cid = numberedCid(number).toString()
    const answer = await ask(peer, 'POST', `/pins/${cid}`)
    if (answer.status === 200) acknowledged.push(cid)
    return answer
  }
  for (let number = 0; number < 20; number++) assert.equal((await pin(number)).status, 200)
  limitFiles('1024')
  const refused = await pin(100)
  assert.equal(refused.status, 500)
  assert.match(refused.text, /cannot write the database in .*STORE_FAILED/)
  await eventually('it tries to recover', () => peer.log().includes('free some space'))
  const readOnly = await pin(101)
  assert.equal(readOnly.status, 503)
  assert.match(readOnly.text, /takes no writes until its disk does.*READ_ONLY/)
  assert.match((await ask(peer, 'GET', '/id')).text, /"error":"read-only: cannot write the database/)
  assert.match((await ask(peer, 'GET', '/pinset')).text, /"read_only":"cannot write the database/)
  assert.equal((await ask(peer, 'GET', '/health')).status, 204)
  assert.equal((await upload(peer, 'x'.repeat(10_000))).status, 500)
  assert.deepEqual([...(await pinset(peer))].sort(), [...acknowledged].sort())
  assert.match(peer.log(), /"level":"error".*this peer is read-only until it takes writes again/)
  limitFiles('unlimited')
  await eventually('it takes writes', async () => (await pin(102)).status === 200)
  assert.match((await ask(peer, 'GET', '/id')).text, /"error":"",/)
  await peer.kill()
  await peer.start()
  const held = new Set(await pinset(peer))
  assert.deepEqual(
    acknowledged.filter(cid => !held.has(cid)),
    [],
  )
})

test('an upload to two peers takes no more memory the larger it is, and clients that leave do no harm', {
  ...LIMIT,
  skip: existsSync('/proc/self/status') ? false : 'memory is read from /proc',
}, async () => {
  await using processes = await openPeerProcesses()
  const [first, second] = [await processes.add(EMBEDDED), await processes.add(EMBEDDED)]
  await eventually('they see each other', async () => {
    const { text } = await ask(first, 'GET', '/peers')
    return text.includes(second.id)
  })
  const port = Number(new URL(first.url).port)
  let most = 0
  const send = async (mib: number, isWhole: boolean) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    const closed = once(socket, 'close')
    const part = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    const end = '\r\n--b--\r\n'
    const length = part.length + mib * MIB + end.length
    socket.write(
      `POST /add HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${length}\r\n\r\n${part}`,
    )
    for (let number = 0; number < (isWhole ? mib : mib / 2); number++) {
      const piece = Buffer.alloc(MIB)
      for (let at = 0; at < MIB; at += 65_536) piece.writeUInt32LE(number * 16 + at / 65_536 + mib, at)
      if (!socket.write(piece)) await once(socket, 'drain')
      most = Math.max(most, await residentMib(first))
    }
    if (isWhole) socket.write(end)
    else socket.destroy()
    await closed
    return text
  }
  await send(16, true)
  const warm = Math.max(most, await residentMib(first))
  for (let count = 0; count < 3; count++) await send(16, false)
  assert.match(await send(200, true), /"cid":"Qm\w+".*"allocations":\["\w+","\w+"\]/)
  assert.ok(most < warm + 120, `${Math.round(most)} MiB after ${Math.round(warm)} MiB`)
  const parallel = await Promise.all(
    Array.from({ length: 100 }, (_, number) => add(first, `small ${number}`)),
  )
  assert.equal(new Set(parallel).size, 100)
})

test(
  'SIGTERM under load ends a peer in good order within seconds, also while another one stands still',
  LIMIT,
  async () => {
    await using processes = await openPeerProcesses()
    const [first, second] = [await processes.add(EMBEDDED), await processes.add(EMBEDDED)]
    const load = async (writer: number) => {
      for (let number = 0; ; number++) {
        const isTaken = await add(first, `${writer} ${number} `.repeat(50_000)).then(
          () => true,
          () => false,
        )
        if (!isTaken) return
      }
    }
    const writers = Promise.all(Array.from({ length: 8 }, (_, writer) => load(writer)))
    await eventually('it is at work', async () => (await pinset(first)).length > 5, 20_000)
    second.signal('SIGSTOP')
    const began = performance.now()
    try {
      await first.stop()
    } finally {
      second.signal('SIGCONT')
    }
    assert.ok(performance.now() - began < 10_000, `${performance.now() - began} ms`)
    await writers
    assert.equal(first.exitCode, 0)
  },
)

const kubo = await findKubo()

test('a daemon whose Kubo is down starts, says so, takes pins, and catches up when Kubo is there', {
  ...LIMIT,
  skip: kubo === undefined ? 'no Kubo: set KUBO_BIN or put ipfs on the PATH' : false,
}, async () => {
  assert.ok(kubo !== undefined)
  const port = await freePort()
  await using processes = await openPeerProcesses()
  const environment = { CLUSTER_IPFSHTTP_PINTIMEOUT: '3s', CLUSTER_IPFSHTTP_IPFSREQUESTTIMEOUT: '3s' }
  const peer = await processes.add({ kubo: `/ip4/127.0.0.1/tcp/${port}`, environment })
  assert.match((await ask(peer, 'GET', '/id')).text, /ECONNREFUSED.*see that Kubo runs/)
  const missing = numberedCid(1).toString()
  assert.equal((await ask(peer, 'POST', `/pins/${missing}`)).status, 200)
  await eventually('its status says why', async () => /does not answer/.test(await stateOf(peer, missing)))
  const refused = await upload(peer, 'no node')
  assert.equal(refused.status, 500)
  assert.match(refused.text, /failed to put block on all destinations: .*ECONNREFUSED.*IPFS_UNAVAILABLE/)
  await using _node = await startKubo(kubo, port)
  await eventually(
    'the pin is tried and gives its reason',
    async () => /^pin_error .*found no further block/.test(await stateOf(peer, missing)),
    30_000,
  )
  const cid = await add(peer, 'a node')
  await eventually('others are pinned meanwhile', async () => (await stateOf(peer, cid)) === 'pinned ')
})
