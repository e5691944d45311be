// How long the connectivity graph takes: peers in one process with real procedure calls over a network with latency.
// usage: node bench/graph.ts [LATENCY_MS=50]     the time for one message, one way; some peers hang, and some are gone
import { createNoopMeter } from '@opentelemetry/api'
import { drawGraph } from '../src/cluster/graph.ts'
import { ownLinks } from '../src/cluster/links.ts'
import type { Network, RpcHandlers } from '../src/interfaces.ts'
import { systemClock } from '../src/lib/clock.ts'
import { systemRandom } from '../src/lib/random.ts'
import { toConnectGraphJson } from '../src/model/graph-json.ts'
import { createIdentity } from '../src/model/identity.ts'
import type { PeerId } from '../src/model/peer.ts'
import type { PeerHealth } from '../src/model/peer-health.ts'
import { unmarked } from '../src/model/peer-mark.ts'
import { openRpc } from '../src/rpc/rpc.ts'
import { fakeNetwork } from '../test/support/fake-network.ts'
import { silentLogger } from '../test/support/silent-logger.ts'

const latencyMs = Number(process.argv[2] ?? 50)
const { signal } = new AbortController()

interface Case {
  readonly peers: number
  readonly hanging: number
  readonly gone: number
}

async function measure({ peers, hanging, gone }: Case) {
  await using parts = new AsyncDisposableStack()
  const hub = fakeNetwork({ clock: systemClock, random: systemRandom })
  hub.faults.delayMinMs = latencyMs
  hub.faults.delayMaxMs = latencyMs
  const ids = Array.from({ length: peers }, () => createIdentity().id).sort()
  const conditionOf = (peer: PeerId) => (ids.indexOf(peer) >= peers - gone ? 'gone' : 'alive')
  const health = ids.map((peer): PeerHealth => {
    return { peer, condition: conditionOf(peer), phi: 0.3, heardAtMs: Date.now(), sinceMs: 0 }
  })
  const living = ids.slice(0, peers - gone)
  const componentsOf = (self: PeerId, network: Network) => ({
    self,
    network,
    clock: systemClock,
    marks: { of: unmarked },
    consensus: { isTrusted: () => true },
    ipfs: { swarmPeers: async () => ids },
    monitor: {
      health: () => health,
      peers: () => living,
      hello: (peer: PeerId) => ({
        peername: `peer${ids.indexOf(peer)}`,
        ipfsId: `${peer}x`,
        ipfsAddresses: [],
      }),
    },
  })
  const opened = living.map((self, at) => {
    const network = parts.use(hub.join(self))
    const components = componentsOf(self, network)
    const handlers = {
      async *links(_input: undefined, _from: PeerId, options: { readonly signal: AbortSignal }) {
        if (at > 0 && at <= hanging) await systemClock.sleep(60_000, options.signal)
        yield await ownLinks(components, options)
      },
    }
    const rpcParts = { network, clock: systemClock, logger: silentLogger(), meter: createNoopMeter() }
    const rpc = parts.use(
      openRpc({ ...rpcParts, isTrusted: () => true, handlers: handlers as unknown as RpcHandlers }),
    )
    return { ...components, rpc }
  })
  const [first] = opened
  if (first === undefined) throw new Error('a case has peers')
  const times: number[] = []
  let bytes = 0
  let edges = 0
  const cpu = process.cpuUsage()
  for (let round = 0; round < 3; round++) {
    const began = performance.now()
    const json = toConnectGraphJson(await drawGraph(first, { signal }))
    bytes = JSON.stringify(json).length
    times.push(Math.round(performance.now() - began))
    edges = Object.values(json.cluster_edges ?? {}).reduce((sum, to) => sum + Object.keys(to).length, 0)
  }
  const { user, system } = process.cpuUsage(cpu)
  return {
    peers,
    hanging,
    gone,
    firstMs: times[0],
    againMs: Math.min(...times.slice(1)),
    cpuMsEach: Math.round((user + system) / 3000),
    edges,
    jsonKb: Math.round(bytes / 1000),
  }
}

// The fake network's timers keep no process alive.
const done = new AbortController()
const alive = systemClock.sleep(600_000, done.signal).catch(() => undefined)
const rows = []
for (const one of [
  { peers: 10, hanging: 0, gone: 0 },
  { peers: 100, hanging: 0, gone: 0 },
  { peers: 100, hanging: 0, gone: 10 },
  { peers: 100, hanging: 10, gone: 10 },
  { peers: 200, hanging: 0, gone: 0 },
])
  rows.push(await measure(one))
console.table(rows)
done.abort()
await alive
