// Asks the IPFS proxy of a real peer what no client of Kubo asks, first with the node inside the peer, then with a real Kubo
// behind it where there is one: npm run fuzz:proxy -- [seed] [requests] [embedded|kubo]
import { setTimeout as sleep } from 'node:timers/promises'
import { holdingsOf } from '../support/door-guests.ts'
import { findKubo, startKubo } from '../support/kubo.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { askOddly, CID, errorsIn, type Reply, sendBytes } from './odd-requests.ts'
import { PROXY_GARBAGE, type ProxyAsk, proxyAsks } from './proxy-requests.ts'

const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
const requests = Number(process.argv[3] ?? 800)
const random = seededRandom(seed)
/** Connections and files that may still be closing when all is over. */
const FILES_SLACK = 40
const SETTLE_MS = 5000
/** With one node, whatever is left to ask. */
const TIME_MS = 90_000

/** What the HTTP layer and routing answer to anything, and what is the node's own. */
const ALWAYS = new Set([301, 400, 404, 405, 408, 413, 414, 417, 431])

interface World {
  readonly peer: PeerProcess
  readonly base: string
  readonly isKubo: boolean
}

function faultOf({ status, type, body }: Reply, ask: ProxyAsk, { isKubo }: World): string | undefined {
  // What the proxy does not answer itself is Kubo's, whatever it says.
  if (isKubo && !ask.isClusters) return undefined
  const isExpected = status === 200 || ALWAYS.has(status) || [204, 403, 500, 501].includes(status)
  if (!isExpected) return `status ${status} is not documented`
  if (status < 400 || ask.method === 'HEAD') return undefined
  if ([404, 405].includes(status) && (type.startsWith('text/plain') || body === '')) return undefined
  try {
    const { Message, Code, Type, code, message } = JSON.parse(body)
    const isListed = ask.target.includes('stream-channels') && code === 500 && message !== ''
    if (!isListed && (typeof Message !== 'string' || Message === '' || Code !== 0 || Type !== 'error'))
      return `the error ${status} has not Kubo's form: ${body.slice(0, 100)}`
    return undefined
  } catch {
    return `the error ${status} is no JSON: ${body.slice(0, 100)}`
  }
}

/** Of several arguments one of which is bad none may be done. */
async function halfDone({ peer }: World, { fresh }: ProxyAsk): Promise<string | undefined> {
  for (const cid of fresh) {
    const { status } = await fetch(`${peer.url}/allocations/${cid}`)
    if (status !== 404) return `what was refused is pinned nevertheless (${status})`
  }
  return undefined
}

async function askAll(world: World, faults: Map<string, string>, statuses: Map<number, number>) {
  const { peer, base } = world
  const next = proxyAsks(random)
  const endMs = performance.now() + TIME_MS
  for (let number = 0; number < requests && performance.now() < endMs; number++) {
    const ask = next()
    let fault: string | undefined
    try {
      const reply = await askOddly(base, ask, random)
      if (reply === undefined) continue
      statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
      fault = faultOf(reply, ask, world)
      if (fault === undefined && reply.status >= 400) fault = await halfDone(world, ask)
    } catch (thrown) {
      fault = String(thrown)
    }
    if (peer.exitCode !== undefined)
      throw new Error(`the peer ended at ${ask.method} ${ask.target}: ${peer.log().slice(-2000)}`)
    if (fault !== undefined)
      faults.set(`${ask.name}: ${fault.slice(0, 160)}`, `${ask.method} ${ask.target.slice(0, 300)}`)
  }
  for (const text of PROXY_GARBAGE) {
    const answer = await sendBytes(base, text)
    const isTold = /^HTTP\/1\.1 (2|3|404|405|501|502)/.test(answer) || /"Type":"error"/.test(answer)
    if (answer !== '' && !isTold)
      faults.set(`raw bytes: ${JSON.stringify(text.slice(0, 100))}`, answer.slice(0, 300))
  }
}

/** Puts in what some requests name, so that they find it. */
async function addSomething(base: string): Promise<void> {
  const body = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello\r\n--x--\r\n'
  const headers = { 'Content-Type': 'multipart/form-data; boundary=x' }
  const answer = await fetch(`${base}/api/v0/add?cid-version=1`, { method: 'POST', body, headers })
  const text = await answer.text()
  if (!text.includes(CID)) throw new Error(`not the CID that is asked for: ${text}`)
}

async function attack(kubo: string | undefined): Promise<boolean> {
  await using processes = await openPeerProcesses()
  const peer = await processes.add(kubo === undefined ? {} : { kubo })
  const base = `http://127.0.0.1:${peer.proxy.split('/').at(-1)}`
  await addSomething(base)
  const faults = new Map<string, string>()
  const statuses = new Map<number, number>()
  const before = await holdingsOf(peer.pid)
  await askAll({ peer, base, isKubo: kubo !== undefined }, faults, statuses)
  if ((await fetch(`${base}/api/v0/version`, { method: 'POST' })).status !== 200)
    faults.set('the proxy does not answer any more', '')
  await sleep(SETTLE_MS)
  const after = await holdingsOf(peer.pid)
  if (after.files > before.files + FILES_SLACK)
    faults.set(`files are left open: ${before.files} before, ${after.files} after`, '')
  for (const line of errorsIn(peer.log())) faults.set(`logged: ${line}`, '')
  for (const [fault, target] of faults) console.log(`fault: ${fault}\n       ${target}`)
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
  const megabytes = ((after.memoryKb - before.memoryKb) / 1024).toFixed(0)
  console.log(`${counts.join('  ')}; ${after.files - before.files} more files, ${megabytes} MB more`)
  return faults.size === 0
}

const [, , , , only = ''] = process.argv
const binary = only === 'embedded' ? undefined : await findKubo()
const results: boolean[] = []
if (only !== 'kubo') {
  console.log(`seed ${seed}, ${requests} requests, node inside the peer`)
  results.push(await attack(undefined))
}
if (binary !== undefined) {
  await using kubo = await startKubo(binary)
  console.log(`seed ${seed}, ${requests} requests, Kubo behind`)
  results.push(await attack(kubo.rpcAddress))
} else if (only !== 'embedded') console.log('no Kubo on the PATH: not asked with one behind')
process.exitCode = results.length > 0 && results.every(isClean => isClean) ? 0 : 1
