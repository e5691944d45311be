import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { openClient } from '../../src/api/client.ts'
import { parseCid } from '../../src/model/cid.ts'
import {
  askShortly,
  holdingsOf,
  leaveEarly,
  openGuests,
  pinNumbers,
  slowestOf,
} from '../support/door-guests.ts'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { freePort, openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'

const PINS = 2000
const ONE = 'GET /version HTTP/1.1\r\nHost: x\r\n\r\n'
const LIST = 'GET /pins HTTP/1.1\r\nHost: x\r\n\r\n'
const AHEAD = 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000)
const UPLOAD =
  'POST /add HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n' +
  '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nabc'
const options = { signal: AbortSignal.timeout(170_000) }

const textOf = (number: number) => numberedCid(number).toString()
const portOf = (url: string) => Number(new URL(url).port)

/** A peer whose IPFS node never answers: pins are kept, and cost nothing more. */
async function openPeer(environment: Readonly<Record<string, string>> = {}) {
  const processes = await openPeerProcesses()
  try {
    const kubo = `/ip4/127.0.0.1/tcp/${await freePort()}`
    return { processes, peer: await processes.add({ kubo, environment }) }
  } catch (thrown) {
    await processes[Symbol.asyncDispose]()
    throw thrown
  }
}

test('guests that are idle, slow, greedy or gone leave nothing behind, and others are answered', {
  timeout: 170_000,
  skip: process.platform === 'linux' ? false : 'what a process holds is read from /proc',
}, async t => {
  const { processes, peer } = await openPeer()
  await using _all = processes
  const port = portOf(peer.url)
  await pinNumbers(
    port,
    Array.from({ length: PINS }, (_, number) => textOf(number)),
  )
  await leaveEarly(port, '/pins', Number.POSITIVE_INFINITY)
  const aloneMs = await slowestOf(port, 5)

  /** What is held while they are there, above what is held before; afterwards nothing is. */
  const held = async (open: () => Promise<Disposable | undefined>) => {
    const before = await holdingsOf(peer.pid)
    const guests = await open()
    const slowestMs = await slowestOf(port, 3)
    const during = await holdingsOf(peer.pid)
    guests?.[Symbol.dispose]()
    await eventually(
      'all connections are closed',
      async () => (await holdingsOf(peer.pid)).files <= before.files + 2,
      20_000,
    )
    // A multiple, since the machine may do much else; how fair it is, is tried below.
    assert.ok(
      slowestMs < 50 * aloneMs + 1000,
      `another client waited for ${slowestMs} ms, alone ${aloneMs} ms`,
    )
    return during.memoryKb - before.memoryKb
  }

  await t.test('silent ones', async () => {
    const memoryKb = await held(() => openGuests(port, 500, ''))
    assert.ok(memoryKb < 500 * 40, `${memoryKb} KB for 500`)
  })
  await t.test('idle ones behind a request', async () => {
    const memoryKb = await held(() => openGuests(port, 500, ONE))
    assert.ok(memoryKb < 500 * 60, `${memoryKb} KB for 500`)
  })
  await t.test('readers of a long list that do not read', async () => {
    const memoryKb = await held(() => openGuests(port, 20, LIST, { isReading: false }))
    assert.ok(memoryKb < 150_000, `${memoryKb} KB for 20`)
  })
  await t.test('many readers of a long list do not come before a short question', async () => {
    const cpuMs = async () => (await holdingsOf(peer.pid)).cpuMs
    const before = await cpuMs()
    const reading = Array.from({ length: 50 }, () => leaveEarly(port, '/pins', Number.POSITIVE_INFINITY))
    await askShortly(port)
    const atAnswer = (await cpuMs()) - before
    await Promise.all(reading)
    const inAll = (await cpuMs()) - before
    // In processor time of the peer, which does not depend on what else the machine does.
    assert.ok(inAll > 500 && atAnswer < inAll / 2, `answered after ${atAnswer} of ${inAll} ms of work`)
  })
  await t.test('those that leave in the middle of a list', async () => {
    await held(async () => {
      for (let round = 0; round < 2; round += 1)
        await Promise.all(Array.from({ length: 10 }, () => leaveEarly(port, '/pins', 50_000)))
      return undefined
    })
  })
  await t.test('uploads that stand still, and are left', async () => {
    await held(() => openGuests(port, 50, UPLOAD))
  })
  await t.test('many requests ahead of answers that nobody reads', async () => {
    // Begun all at once, the answers alone would be more than 800 MB.
    const memoryKb = await held(() => openGuests(port, 10, AHEAD, { isReading: false }))
    assert.ok(memoryKb < 150_000, `${memoryKb} KB for 10`)
  })
})

/** Starts a peer and asks it all the while; says what came. */
async function askedWhileStarting(peer: PeerProcess): Promise<ReadonlySet<string>> {
  const seen = new Set<string>()
  const over = new AbortController()
  const asking = Array.from({ length: 5 }, async () => {
    while (!over.signal.aborted) {
      try {
        const init = { method: 'POST', signal: options.signal }
        const response = await fetch(`${peer.url}/pins/${textOf(2_000_000)}`, init)
        seen.add(String(response.status))
        await response.text()
      } catch (thrown) {
        const { cause } = thrown instanceof Error ? thrown : {}
        seen.add(cause instanceof Error && 'code' in cause ? String(cause.code) : String(thrown))
      }
    }
  })
  peer.launch()
  await peer.answers()
  over.abort()
  await Promise.all(asking)
  return seen
}

test('a peer that is told to stop under load ends soon, and what it has answered is there; one that starts refuses or answers', {
  timeout: 170_000,
}, async () => {
  const { processes, peer } = await openPeer()
  await using _all = processes
  const port = portOf(peer.url)
  const agent = new http.Agent({ keepAlive: true })
  const done: string[] = []
  const odd: string[] = []
  let next = 0
  let isOver = false
  const pinOne = (cid: string) =>
    new Promise<number>((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port, method: 'POST', path: `/pins/${cid}`, agent })
      request.on('error', reject)
      request.on('response', response => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
        response.on('error', reject)
      })
      request.end()
    })
  const load = async () => {
    while (!isOver) {
      const cid = textOf(next++)
      try {
        const status = await pinOne(cid)
        if (status === 200) done.push(cid)
        else if (status !== 503) odd.push(`${status}`)
      } catch (thrown) {
        const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
        if (code === 'ECONNREFUSED') isOver = true
        else if (code !== 'ECONNRESET' && code !== 'EPIPE') odd.push(code)
      }
    }
  }
  const running = Array.from({ length: 20 }, load)
  using _readers = await openGuests(port, 5, LIST, { isReading: false })
  using _listeners = await openGuests(port, 5, 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  using _uploads = await openGuests(port, 5, UPLOAD)
  using _silent = await openGuests(port, 50, '')
  await eventually('pins are made', () => done.length > 100)
  const began = performance.now()
  await peer.stop()
  const tookMs = performance.now() - began
  isOver = true
  await Promise.all(running)
  agent.destroy()
  assert.equal(peer.exitCode, 0, peer.log().slice(-1000))
  assert.ok(tookMs < 10_000, `it took ${tookMs} ms`)
  assert.deepEqual(odd, [])
  const seen = await askedWhileStarting(peer)
  for (const what of seen) assert.ok(['200', '503', 'ECONNREFUSED'].includes(what), what)
  assert.ok(seen.has('200'))
  const client = openClient({ hosts: [peer.host], timeoutMs: 10_000 })
  const kept = new Set<string>()
  for await (const { cid } of client.allocations({}, options)) kept.add(parseCid(cid).toString())
  assert.deepEqual(
    done.filter(cid => !kept.has(cid)),
    [],
    'what was answered is there',
  )
})
