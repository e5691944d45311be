import { existsSync } from 'node:fs'
import { documentText, newDocument, newSecret } from '../../config/default-document.ts'
import type { Document } from '../../config/document.ts'
import { overrideIdentity, textOfIdentity, toIdentity, writeIdentity } from '../../config/identity-file.ts'
import { lockFolder } from '../../config/lock.ts'
import { configFolder, type Paths, pathsIn } from '../../config/paths.ts'
import { peerOfAddress, toPeerAddress, writePeerstore } from '../../config/peerstore-file.ts'
import { SECTION } from '../../config/schema.ts'
import { putAt, valueAt } from '../../config/setting.ts'
import { ClusterError, messageOf } from '../../errors.ts'
import { toList } from '../../lib/schema.ts'
import { writeWhole } from '../../lib/write-file.ts'
import { createIdentity } from '../../model/identity.ts'
import { type Command, type CommandContext, type Input, say } from '../command.ts'
import { doing } from '../doing.ts'
import { freePort, hostAndPort, withPort } from '../free-port.ts'
import { answersLikeKubo } from '../kubo-probe.ts'
import { confirm, openPrompt } from '../prompt.ts'

const OVERWRITE = 'The configuration file will be overwritten. Continue?'

/** Makes the folder of a peer. */
export const initCommand: Command = {
  name: 'init',
  summary: 'make a configuration and an identity',
  description: `Makes the folder of a peer: service.json with every setting at its default and a new secret, identity.json with a new
key, and an empty peerstore. All peers of a cluster need the same secret: give further peers the first one's, by
--custom-secret or by the variable CLUSTER_SECRET. Environment variables (CLUSTER_<SECTION>_<KEY>, such as
CLUSTER_PEERNAME or CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS) are written into the file.

An identity that exists is never overwritten. When no Kubo answers at ipfs_connector.ipfshttp.node_multiaddress, the peer
gets an IPFS node of its own (ipfs_connector.node = "embedded").`,
  argument: {
    name: '[source-url]',
    says: 'http(s) URL of a configuration that is fetched at every start instead of one that is written here',
  },
  flags: [
    { flags: '--consensus <name>', says: 'how peers agree: crdt', byDefault: 'crdt' },
    { flags: '--datastore <name>', says: 'how data is stored: level', byDefault: 'level' },
    { flags: '-s, --custom-secret', says: 'ask for the secret of an existing cluster' },
    {
      flags: '--peers <addresses>',
      says: 'multiaddrs of peers to connect to and to trust, with commas, each ending in /p2p/<peer id>',
    },
    { flags: '-f, --force', says: 'overwrite an existing configuration without asking' },
    { flags: '--randomports', says: 'listen on ports that are free now' },
  ],
  examples: [
    'cluster-service init',
    'CLUSTER_SECRET=$(cat secret) cluster-service -c ~/peer2 init --peers /ip4/10.0.0.1/tcp/9096/p2p/12D3KooW…',
  ],
  run,
}

async function run(input: Input, context: CommandContext): Promise<number> {
  checkChoices(input)
  const peers = await doing('parsing peer multiaddress', () => listOf(input.text('peers')).map(toPeerAddress))
  const paths = pathsIn(configFolder(input.text('config'), context.environment))
  const hasConfig = existsSync(paths.service)
  using _lock =
    hasConfig || existsSync(paths.identity)
      ? await doing('obtaining execution lock', () => lockFolder(paths.lock))
      : undefined
  if (hasConfig && !input.has('force') && !(await confirm(OVERWRITE, context.stdin, context.stdout))) return 0
  const { argument: source } = input
  const text = source === undefined ? await newFile(input, peers, context) : sourceFile(source)
  const identity = existsSync(paths.identity) ? undefined : await newIdentity(context)
  await doing('saving configuration', () => writeWhole(paths.service, text, 0o600))
  say(context.stderr, `configuration written to ${paths.service}.`)
  if (identity !== undefined) {
    await doing('saving identity', () => writeIdentity(paths, identity))
    say(context.stderr, `new identity written to ${paths.identity}`)
  }
  await savePeerstore(paths, peers, context)
  return 0
}

function checkChoices(input: Input): void {
  const consensus = input.text('consensus') ?? 'crdt'
  if (consensus === 'raft') {
    refuse(
      'choosing consensus',
      "raft is not offered: leave --consensus out to use 'crdt', which needs no leader",
    )
  }
  if (consensus !== 'crdt') refuse('choosing consensus', "flag value must be set to 'crdt'")
  const datastore = input.text('datastore') ?? 'level'
  if (['pebble', 'badger', 'badger3', 'leveldb'].includes(datastore)) {
    refuse('choosing datastore', `${datastore} is not offered: leave --datastore out to use 'level'`)
  }
  if (datastore !== 'level') refuse('choosing datastore', "flag value must be set to 'level'")
}

function refuse(what: string, why: string): never {
  throw new ClusterError('INVALID_ARGUMENT', `${what}: ${why}`)
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')
}

function sourceFile(source: string): string {
  if (!/^https?:\/\/./.test(source)) {
    refuse('reading the source', `"${source}" is not an http or https URL`)
  }
  return JSON.stringify({ source }, null, 2)
}

async function newFile(input: Input, peers: readonly string[], context: CommandContext): Promise<string> {
  const { environment } = context
  const secret = input.has('customSecret') ? await askSecret(context) : undefined
  const changes = [
    { keys: ['cluster', 'secret'], value: newSecret(context.random) },
    { keys: ['consensus', 'crdt', 'trusted_peers'], value: ['*'] },
  ]
  const document = await doing('applying environment variables to configuration', () =>
    newDocument(changes, environment, 'the environment'),
  )
  // What was typed goes before what happens to be in the environment.
  if (secret !== undefined) putIn(document, 'cluster', ['secret'], secret)
  if (peers.length > 0) putIn(document, 'crdt', ['trusted_peers'], [...new Set(peers.map(peerOfAddress))])
  if (input.has('randomports')) await moveToFreePorts(document)
  if (!environment['CLUSTER_IPFSCONNECTOR_NODE']) await chooseIpfs(document, context)
  for (const note of document.notes) say(context.stderr, `note: ${note}`)
  return documentText(document)
}

async function askSecret(context: CommandContext): Promise<string> {
  using prompt = openPrompt(context.stdin, context.stdout)
  const answer = (await prompt.ask('Secret of the cluster (64 hexadecimal digits): '))?.trim() ?? ''
  if (!/^[0-9a-f]{64}$/i.test(answer)) {
    refuse('reading the secret', 'it must have 64 hexadecimal digits, which are 32 bytes')
  }
  return answer.toLowerCase()
}

function putIn(
  document: Document,
  section: keyof typeof SECTION,
  keys: readonly string[],
  value: unknown,
): void {
  const values = document.valuesOf(SECTION[section])
  if (values !== undefined) putAt(values, keys, value)
}

/** Every address that a new peer listens on. */
const LISTENING = [
  { section: 'cluster', keys: ['listen_multiaddress'] },
  { section: 'ipfsproxy', keys: ['listen_multiaddress'] },
  { section: 'pinsvcapi', keys: ['http_listen_multiaddress'] },
  { section: 'restapi', keys: ['http_listen_multiaddress'] },
  { section: 'ipfs', keys: ['embedded', 'listen_multiaddress'] },
] as const

async function moveToFreePorts(document: Document): Promise<void> {
  const taken = new Set<number>()
  for (const { section, keys } of LISTENING) {
    const value = valueAt(document.valuesOf(SECTION[section]), keys)
    const moved: string[] = []
    for (const address of listeners(value)) {
      const place = hostAndPort(address)
      moved.push(place === undefined ? address : withPort(address, await freePort(place.host, 0, taken)))
    }
    putIn(document, section, keys, moved)
  }
}

function listeners(value: unknown): readonly string[] {
  if (typeof value === 'string') return toList(value)
  return Array.isArray(value) ? value.map(String) : []
}

async function chooseIpfs(document: Document, context: CommandContext): Promise<void> {
  const address = String(valueAt(document.valuesOf(SECTION.ipfs), ['ipfshttp', 'node_multiaddress']))
  const isThere = await answersLikeKubo(address, context.signal).catch((thrown: unknown) =>
    refuse('reading ipfs_connector.ipfshttp.node_multiaddress', messageOf(thrown)),
  )
  putIn(document, 'ipfs', ['node'], isThere ? 'kubo' : 'embedded')
  say(
    context.stderr,
    isThere
      ? `this peer will use the Kubo that answers at ${address}`
      : `no Kubo answers at ${address}: this peer will use an IPFS node of its own (ipfs_connector.node = "embedded")`,
  )
}

async function newIdentity(context: CommandContext) {
  const text = overrideIdentity(textOfIdentity(createIdentity()), context.environment)
  return await doing('applying environment variables to the identity', () =>
    toIdentity(text, 'the environment'),
  )
}

async function savePeerstore(paths: Paths, peers: readonly string[], context: CommandContext): Promise<void> {
  await doing('saving peerstore', () => writePeerstore(paths.peerstore, peers))
  say(
    context.stderr,
    peers.length === 0
      ? `new empty peerstore written to ${paths.peerstore}.`
      : `peerstore written to ${paths.peerstore} with ${peers.length} entries.`,
  )
}
