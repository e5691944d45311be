import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../test/support/eventually.ts'
import { openPeerProcesses, type PeerProcess } from '../test/support/peer-processes.ts'
import { cpuMsOf, cpuMsOfEndedChildren } from './cpu-time.ts'
import { metricsEndpoint } from './peer-meter.ts'
import { type Stub, startStub } from './stub.ts'

/** Processor time in milliseconds, by who used it. */
export interface CpuUse {
  /** The peer that is asked. */
  readonly asked: number
  /** Each of the other two. */
  readonly other: number
  readonly stubs: number
  readonly load: number
}

/** Three real peers that have the same pins, each over a stub that holds all of them. */
export interface TestCluster extends AsyncDisposable {
  readonly asked: PeerProcess
  readonly other: PeerProcess
  readonly peers: readonly PeerProcess[]
  /** What all of them have used so far; the load, once it has ended. */
  cpu(): Promise<CpuUse>
  /** Waits until every peer has so many pins and nothing left to do about them. */
  settled(pins: number): Promise<void>
}

/** How a cluster differs from another. */
export interface TestClusterOptions {
  /** File of the `cluster-service`. */
  readonly program: string
  readonly pins: number
  readonly environment?: Readonly<Record<string, string>>
}

const EQUAL_MS_MAX = 900_000
const LOOK_EVERY_MS = 100
const WORK_LEFT = [
  'ipfscluster_pins_pin_queued',
  'ipfscluster_pins_pinning',
  'ipfscluster_tracker_unpin_queued',
  'ipfscluster_tracker_changed_names',
]

/** Fills one peer, lets the other two fetch everything from it, and waits until nothing is left to do. */
export async function openTestCluster({
  program,
  pins,
  environment = {},
}: TestClusterOptions): Promise<TestCluster> {
  await using opened = new AsyncDisposableStack()
  const stubs: Stub[] = []
  const endpoints: string[] = []
  const processes = opened.use(await openPeerProcesses())
  for (let at = 0; at < 3; at++) {
    const stub = opened.use(await startStub('full-ipfs.ts', String(pins)))
    stubs.push(stub)
    const metrics = await metricsEndpoint()
    endpoints.push(metrics.url)
    const peer = await processes.add({
      program,
      kubo: stub.address,
      environment: { ...environment, ...metrics.environment },
    })
    if (at > 0) continue
    await peer.stop()
    await fill(peer, pins)
    await peer.start()
  }
  const { peers } = processes
  const [asked, other, third] = peers
  if (asked === undefined || other === undefined || third === undefined) throw new Error('no peers')
  const settled = (count: number) =>
    eventually('all peers are equal', () => areSettled(endpoints, count), EQUAL_MS_MAX).then(() => undefined)
  await settled(pins)
  const parts = opened.move()
  return {
    asked,
    other,
    peers,
    settled,
    async cpu() {
      const [first, second, last] = await Promise.all([asked, other, third].map(({ pid }) => cpuMsOf(pid)))
      const ofStubs = await Promise.all(stubs.map(({ pid }) => cpuMsOf(pid)))
      return {
        asked: first ?? 0,
        other: ((second ?? 0) + (last ?? 0)) / 2,
        stubs: ofStubs.reduce((sum, ms) => sum + ms, 0),
        load: await cpuMsOfEndedChildren(),
      }
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function fill({ folder }: PeerProcess, pins: number): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fill.ts'), folder, String(pins)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`fill.ts ended with ${code}`)
}

async function areSettled(endpoints: readonly string[], pins: number): Promise<boolean> {
  await sleep(LOOK_EVERY_MS)
  const texts = await Promise.all(endpoints.map(async url => (await fetch(url)).text()))
  return texts.every(text => {
    const metric = (name: string) => {
      const values = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))
      return [...values].reduce((sum, [, value]) => sum + Number(value), 0)
    }
    const isCompared = metric('ipfscluster_tracker_sweeps_total') > 0
    return metric('ipfscluster_pins') === pins && isCompared && WORK_LEFT.every(name => metric(name) === 0)
  })
}
