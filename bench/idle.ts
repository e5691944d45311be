// What peers cost that have nothing to do: processor time and memory of PEERS real peers that only hear each other's heartbeats.
// Two builds, or two settings, are measured in turns. A table on stdout.
// usage: node bench/idle.ts [PEERS=10] [SECONDS=20] [--heartbeat 2s] [--rounds N=1]
//          [--against FILE]      another cluster-service to run beside the one of this tree
//          [--set NAME=VALUE]…   environment of a second set of peers, of the same program
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openPeerProcesses } from '../test/support/peer-processes.ts'
import { cpuMsOf, memoryOf } from './cpu-time.ts'
import { Figures } from './figure.ts'
import { program } from './program.ts'
import { startStub } from './stub.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    heartbeat: { type: 'string', default: '2s' },
    rounds: { type: 'string', default: '1' },
    against: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
  },
})
const [peersCount = 10, seconds = 20] = positionals.map(Number)
/** Gossip meshes are looked after every ten seconds. */
const SETTLE_MS = 25_000

interface Variant {
  readonly name: string
  readonly program: string
  readonly environment: Readonly<Record<string, string>>
}

const plain: Variant = { name: 'as it is', program, environment: {} }
const variants = [
  plain,
  ...(values.against === undefined ? [] : [{ ...plain, name: values.against, program: values.against }]),
  ...(values.set.length === 0
    ? []
    : [{ ...plain, name: values.set.join(), environment: Object.fromEntries(values.set.map(splitSetting)) }]),
]

function splitSetting(setting: string): [name: string, value: string] {
  const at = setting.indexOf('=')
  return [setting.slice(0, at), setting.slice(at + 1)]
}

/** Thousandths of a core, and megabytes, of each peer. */
async function measure({ program: file, environment }: Variant) {
  await using stub = await startStub('yardstick/stub-ipfs.mjs')
  await using processes = await openPeerProcesses()
  for (let at = 0; at < peersCount; at++) {
    await processes.add({
      program: file,
      kubo: stub.address,
      environment: { CLUSTER_MONITORPINGINTERVAL: values.heartbeat, ...environment },
    })
  }
  await sleep(SETTLE_MS)
  const cpu = () => Promise.all(processes.peers.map(({ pid }) => cpuMsOf(pid)))
  const before = await cpu()
  await sleep(seconds * 1000)
  const after = await cpu()
  const memories = await Promise.all(processes.peers.map(({ pid }) => memoryOf(pid)))
  return {
    shares: after.map((ms, at) => (ms - (before[at] ?? 0)) / seconds),
    megabytes: memories.map(({ residentMb }) => residentMb),
  }
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0
const figures = new Figures()
for (let round = 0; round < Number(values.rounds); round++) {
  for (const variant of variants) {
    const { shares, megabytes } = await measure(variant)
    figures.add({
      work: `${peersCount} idle peers, heartbeats every ${values.heartbeat}, ${variant.name}: median of the peers, processor time in a second; memory`,
      here: `${median(shares).toFixed(1)} ms; ${median(megabytes).toFixed(0)} MB`,
    })
  }
}
figures.print()
