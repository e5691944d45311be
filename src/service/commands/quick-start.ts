import { mkdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { newSecret } from '../../config/default-document.ts'
import { lockFolder } from '../../config/lock.ts'
import { ClusterError } from '../../errors.ts'
import { type Command, type CommandContext, type Input, logLevelOf, say } from '../command.ts'
import { doing } from '../doing.ts'
import {
  countPeers,
  PEERS_MAX,
  preparePeer,
  type QuickPeer,
  sharedSecret,
} from '../quick-start/peer-folder.ts'
import { openPeerProcess, type PeerProcess } from '../quick-start/peer-process.ts'
import { busyPorts, choosePorts, type Ports } from '../quick-start/ports.ts'
import { formatTable } from '../quick-start/table.ts'
import { waitForPeer, waitUntilJoined } from '../quick-start/wait-for-peer.ts'

const PEERS_BY_DEFAULT = 3
const DEFAULT_REST_PORT = 9094

/** Runs a whole cluster on this machine. */
export const quickStartCommand: Command = {
  name: 'quick-start',
  summary: 'run a cluster of three peers on this machine, to try it',
  description: `Runs a cluster on this machine: each peer is a process of its own with its own folder, identity, store, REST API and IPFS
node. They share a secret and listen on loopback only. The first peer takes the default ports (REST 9094), each further
one those 100 higher; free ones are taken where these are busy. Ctrl-C stops all of them; the next quick-start in the same
folder goes on with the same peers and pins. To begin anew, remove the folder.`,
  flags: [
    {
      flags: '--peers <count>',
      says: `how many peers, 1 to ${PEERS_MAX}`,
      byDefault: 'as many as there are, else 3',
    },
    { flags: '--folder <folder>', says: 'where the peers live', byDefault: './.pinfold' },
  ],
  examples: ['cluster-service quick-start', 'cluster-service quick-start --peers 5 --folder /tmp/cluster'],
  run,
}

interface Member {
  readonly peer: QuickPeer
  readonly ports: Ports
  readonly process: PeerProcess
}

async function run(input: Input, context: CommandContext): Promise<number> {
  const base = resolve(input.text('folder') ?? '.pinfold')
  const asked = peersAsked(input.text('peers'))
  await doing('making the folder', () => mkdir(base, { recursive: true, mode: 0o700 }))
  using _lock = await doing('starting the cluster', () => lockFolder(join(base, 'quick-start.lock')))
  const known = countPeers(base)
  const peersCount = asked ?? (known === 0 ? PEERS_BY_DEFAULT : known)
  say(
    context.stdout,
    known === 0 ? `Making ${peersCount} peers in ${base} …` : `Starting the peers in ${base} …`,
  )
  await using processes = new AsyncDisposableStack()
  const members = await startAll(base, peersCount, logLevelOf(input), context, processes)
  await waitForAll(members, context)
  await waitUntilMet(members, context)
  say(context.stdout, `\n${overview(members)}\n`)
  say(context.stdout, nextSteps(members, base))
  const hasEnded = await untilStopped(members, context)
  if (!hasEnded) say(context.stdout, '\nStopping …')
  await processes.disposeAsync()
  if (!hasEnded) say(context.stdout, `Stopped. Peers and pins are kept in ${base}.`)
  return hasEnded ? 1 : 0
}

function peersAsked(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= PEERS_MAX) return count
  throw new ClusterError(
    'INVALID_ARGUMENT',
    `reading --peers: it must be a whole number from 1 to ${PEERS_MAX}, is "${text}"`,
  )
}

async function startAll(
  base: string,
  peersCount: number,
  logLevel: string,
  context: CommandContext,
  processes: AsyncDisposableStack,
): Promise<readonly Member[]> {
  const secret = (await sharedSecret(base)) ?? newSecret(context.random)
  const ports = await choosePorts(peersCount)
  const prepared: { peer: QuickPeer; ports: Ports }[] = []
  for (const [at, own] of ports.entries()) {
    const peer = await doing(`preparing peer${at + 1}`, () => preparePeer(base, at + 1, own, secret))
    prepared.push({ peer, ports: own })
  }
  const opened: PeerProcess[] = []
  // A stack would end them one after the other.
  processes.defer(async () => {
    await Promise.all(opened.map(process => process[Symbol.asyncDispose]()))
  })
  return prepared.map(({ peer, ports: own }) => {
    const bootstrap = prepared
      .filter(other => other.peer !== peer)
      .map(other => `/ip4/127.0.0.1/tcp/${other.ports.cluster}/p2p/${other.peer.id}`)
    const { environment, clock, script } = context
    const onWarning = (line: string) => say(context.stderr, line)
    const process = openPeerProcess({
      script,
      logLevel,
      peer,
      ports: own,
      bootstrap,
      environment,
      clock,
      onWarning,
    })
    opened.push(process)
    return { peer, ports: own, process }
  })
}

/** Waits until every peer answers; throws when one ends before that. */
async function waitForAll(members: readonly Member[], context: CommandContext): Promise<void> {
  const giveUp = new AbortController()
  const signal = AbortSignal.any([context.signal, giveUp.signal])
  const waits = members.map(async ({ peer, ports, process }) => {
    const answering = waitForPeer(restUrl(ports), peer.id, context.clock, signal)
    const ended = process.ended.then(ending => {
      throw new ClusterError(
        'NOT_READY',
        `starting ${peer.name}: it ended with ${ending.how}${ending.lastWords.map(line => `\n  ${line}`).join('')}`,
      )
    })
    await Promise.race([answering, ended])
  })
  try {
    await Promise.all(waits)
  } finally {
    giveUp.abort(new DOMException('the start is over', 'AbortError'))
    await Promise.allSettled(waits)
  }
}

/** Waits until the first things a user tries show every peer; a cluster that takes long to meet is shown all the same. */
async function waitUntilMet(members: readonly Member[], context: CommandContext): Promise<void> {
  const ids = members.map(({ peer }) => peer.id)
  const waits = members.map(({ ports }) =>
    waitUntilJoined(restUrl(ports), ids, context.clock, context.signal),
  )
  const haveMet = await Promise.all(waits)
  if (haveMet.includes(false)) {
    say(context.stderr, 'The peers have not all met yet; "npx cluster-ctl peers ls" shows which have.')
  }
}

/** Waits for the request to stop, reporting peers that end by themselves; true when all of them did. */
async function untilStopped(members: readonly Member[], context: CommandContext): Promise<boolean> {
  const stopped = new Promise<false>(resolve => {
    if (context.signal.aborted) resolve(false)
    else context.signal.addEventListener('abort', () => resolve(false), { once: true })
  })
  const allEnded = Promise.all(
    members.map(async ({ peer, process }) => {
      const ending = await process.ended
      if (context.signal.aborted) return
      say(context.stderr, `${peer.name} ended by itself (${ending.how}). It said last:`)
      for (const line of ending.lastWords) say(context.stderr, `  ${line}`)
      say(context.stderr, `Its log is ${join(peer.paths.folder, 'daemon.log')}; the other peers go on.`)
    }),
  ).then(() => true)
  return await Promise.race([stopped, allEnded])
}

function restUrl(ports: Ports): string {
  return `http://127.0.0.1:${ports.rest}`
}

function overview(members: readonly Member[]): string {
  return formatTable(
    ['PEER', 'ID', 'REST API', 'IPFS (embedded)', 'FOLDER'],
    members.map(({ peer, ports }) => [
      peer.name,
      shortened(peer.id),
      restUrl(ports),
      `127.0.0.1:${ports.ipfs}`,
      fromHere(peer.paths.folder),
    ]),
  )
}

/** A path below the folder of the terminal as it is seen from there, any other whole. */
function fromHere(path: string): string {
  const seen = relative('.', path)
  return seen === '' || seen.startsWith('..') ? path : seen
}

/** An id as it stands in graphs and logs: a whole one leaves too little room in a line of 80 columns. */
function shortened(id: string): string {
  return `${id.slice(0, 2)}*${id.slice(-6)}`
}

function nextSteps(members: readonly Member[], base: string): string {
  const [first, second] = members
  const port = first?.ports.rest ?? DEFAULT_REST_PORT
  const host = port === DEFAULT_REST_PORT ? '' : ` --host /ip4/127.0.0.1/tcp/${port}`
  const ctl = `npx cluster-ctl${host}`
  const rows = [
    [`${ctl} peers ls`, 'list the peers'],
    [`${ctl} add README.md`, 'add and pin it'],
    [`${ctl} pin add CID`, 'pin by CID'],
    [`${ctl} status`, 'see every pin'],
  ]
  if (second !== undefined) {
    rows.push([`npx cluster-ctl --host /ip4/127.0.0.1/tcp/${second.ports.rest} pin ls`, 'ask peer2'])
  }
  const steps = formatTable(
    ['Try, in another terminal:', ''],
    rows.map(([command, says]) => [`  ${command}`, says ?? '']),
  )
  const busy = busyPorts(members.map(({ ports }) => ports))
  const why =
    busy.length === 0 ? '' : `\n\nOther ports than usual are used, since these are busy: ${busy.join(', ')}.`
  return `${steps}${why}\n\nThe logs are ${join(fromHere(base), 'peer*', 'daemon.log')}. Ctrl-C stops the cluster.`
}
