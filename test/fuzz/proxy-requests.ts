import type { Random } from '../../src/lib/random.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { CID, ODD, type OddAsk, picker, printable } from './odd-requests.ts'

/** What is asked of a proxy. */
export interface ProxyAsk extends OddAsk {
  readonly name: string
  /** Whether the cluster answers it, whatever is behind. */
  readonly isClusters: boolean
  /** CIDs that nobody else names, which are not pinned when the request is refused. */
  readonly fresh: readonly string[]
}

interface Command {
  /** How many arguments; `-1` = any number. */
  readonly args: number
  /** Values that a parameter has. */
  readonly parameters: Readonly<Record<string, readonly string[]>>
  readonly isUpload?: true
  /** Whether it may wait for content that is nowhere. */
  readonly isPatient?: true
  readonly isNodes?: true
}

const BOOLEAN = ['true', 'false', '1', '0', 'T']
const NUMBER = ['0', '1', '20', '32', '1048576', '9007199254740991']
const ADD_PARAMETERS = {
  chunker: ['size-1024', 'size-0', 'rabin', 'rabin-16-32-64', 'rabin-1-1-1', 'buzhash', 'size-99999999999'],
  hash: ['sha2-256', 'blake2b-256', 'identity', 'sha3-512', 'md5'],
  'cid-version': ['0', '1', '2'],
  'raw-leaves': BOOLEAN,
  'wrap-with-directory': BOOLEAN,
  progress: BOOLEAN,
  nocopy: BOOLEAN,
  'stream-channels': BOOLEAN,
  trickle: BOOLEAN,
  layout: ['trickle', 'balanced'],
  pin: BOOLEAN,
  'pin-name': ['site'],
  'only-hash': BOOLEAN,
  inline: BOOLEAN,
  'to-files': ['/a'],
  name: ['x'],
  'replication-min': ['-1', '1'],
  'replication-max': ['-1', '1'],
  'shard-size': NUMBER,
  shard: BOOLEAN,
  local: BOOLEAN,
  'no-pin': BOOLEAN,
  format: ['car', 'unixfs'],
  'expire-in': ['1s', '48h'],
  'expire-at': ['2030-01-31T00:00:00Z'],
  'user-allocations': [CID],
  'meta-a': ['b'],
  origins: ['/ip4/127.0.0.1/tcp/1'],
  'pin-update': [CID],
}

const COMMANDS: Readonly<Record<string, Command>> = {
  'pin/add': {
    args: -1,
    parameters: {
      type: ['direct', 'recursive', 'all'],
      name: ['site'],
      recursive: BOOLEAN,
      progress: BOOLEAN,
    },
  },
  'pin/rm': { args: -1, parameters: { recursive: BOOLEAN } },
  'pin/ls': {
    args: -1,
    parameters: {
      stream: BOOLEAN,
      s: BOOLEAN,
      type: ['all', 'direct'],
      names: BOOLEAN,
      name: ['site'],
      quiet: BOOLEAN,
    },
  },
  'pin/update': { args: 2, parameters: { unpin: BOOLEAN } },
  add: { args: 0, isUpload: true, parameters: ADD_PARAMETERS },
  'repo/stat': { args: 0, parameters: { 'size-only': BOOLEAN, human: BOOLEAN } },
  // Kubo collects nothing while a pin waits for its content.
  'repo/gc': { args: 0, isPatient: true, parameters: { 'stream-errors': BOOLEAN, quiet: BOOLEAN } },
  'block/put': {
    args: 0,
    isUpload: true,
    isNodes: true,
    parameters: {
      format: ['v0', 'protobuf', 'cbor', 'raw'],
      'cid-codec': ['raw', 'dag-pb', 'dag-cbor'],
      mhtype: ['sha2-256', 'sha3-512', 'identity', 'md5'],
      mhlen: ['-1', '20', '32', '64', '1.5'],
      pin: ['true', 'false'],
      'allow-big-block': BOOLEAN,
    },
  },
  'dag/put': {
    args: 0,
    isUpload: true,
    isNodes: true,
    parameters: { pin: ['true', 'false'], 'store-codec': ['dag-cbor', 'dag-json'], hash: ['sha2-256'] },
  },
  id: { args: 1, isNodes: true, isPatient: true, parameters: { format: ['<id>'], 'peerid-base': ['b58mh'] } },
  version: { args: 0, isNodes: true, parameters: { number: BOOLEAN, all: BOOLEAN } },
  cat: { args: 1, isNodes: true, isPatient: true, parameters: { offset: NUMBER, length: NUMBER } },
  resolve: { args: 1, isNodes: true, isPatient: true, parameters: { recursive: BOOLEAN } },
  'block/get': { args: 1, isNodes: true, isPatient: true, parameters: {} },
  'block/stat': { args: 1, isNodes: true, isPatient: true, parameters: {} },
  'swarm/peers': { args: 0, isNodes: true, parameters: { verbose: BOOLEAN, latency: BOOLEAN } },
  'swarm/connect': { args: -1, isNodes: true, isPatient: true, parameters: {} },
  'no/such': { args: 1, isNodes: true, parameters: {} },
}
const NAMES = Object.keys(COMMANDS)

const PART = '--x\r\nContent-Disposition: form-data; name="file"; filename='
const END = '\r\n--x--\r\n'
const UPLOADS = [
  `${PART}"a"\r\nContent-Type: application/octet-stream\r\n\r\nhello${END}`,
  `${PART}"d"\r\nContent-Type: application/x-directory\r\n\r\n\r\n${PART}"d%2Fa"\r\n\r\nhello${END}`,
  `${PART}"l"\r\nContent-Type: application/symlink\r\n\r\n../../etc/passwd${END}`,
  `${PART}"%2e%2e%2f%2e%2e%2fa"\r\n\r\nhello${END}`,
  `${PART}"a%zz"\r\n\r\nhello${END}`,
  `${PART}"${'d/'.repeat(300)}a"\r\n\r\nhello${END}`,
  `${PART}"a"\r\n\r\nhello\r\n${PART}"a/b"\r\n\r\nhello${END}`,
  `${PART}"a"\r\n\r\nhello\r\n${PART}"a"\r\n\r\nother${END}`,
  `${PART}""\r\n\r\nhello${END}`,
  `${PART}"a"\r\nX: ${'y'.repeat(70_000)}\r\n\r\nhello${END}`,
  `${PART}"a"\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello${END}`,
  `${PART}"a"\r\n\r\n${'x'.repeat(300_000)}${END}`,
  `${PART}"a"\r\n\r\n{"a":{"/":"${CID}"}}${END}`,
  `${PART}"a"\r\n\r\n{"a":{"/":"x"}}${END}`,
  `--x\r\n\r\nhello${END}`,
]
const ORIGINS = ['http://evil.example', 'null', 'http://127.0.0.1:5001', 'x']
const ODD_METHODS = ['GET', 'PUT', 'HEAD', 'DELETE', 'OPTIONS']
const CLUSTERS_METHODS: ReadonlySet<string> = new Set(['POST', 'GET', 'PUT'])
const PATIENCE_MS = 300

/** Bytes that are no request, or one that libraries do not send. */
export const PROXY_GARBAGE: readonly string[] = [
  'GET',
  'POST /api/v0/pin/ls HTTP/9.9\r\n\r\n',
  '\u0000\u0001',
  'POST /api/v0/add HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'POST /api/v0/add HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
  'POST /api/v0/add HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 900\r\n\r\n--x\r\n',
  'POST /api/v0/add HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n',
  'POST /api/v0/pin/ls HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n',
  'POST /api/v0/pin/ls HTTP/1.1\r\n\r\n',
  'POST /api/v0/pin/ls HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
  'POST http://x/api/v0/pin/ls HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST *  HTTP/1.1\r\nHost: x\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /api/v0/\\..\\pin/ls HTTP/1.1\r\nHost: x\r\n\r\n',
  `POST /api/v0/pin/ls?arg=${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  'POST /api/v0/pin/ls?arg=\u00ff HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST /api/v0/pin/ls HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'POST /api/v0/pin/ls HTTP/1.0\r\n\r\n',
  'POST /api/v0/repo/stat HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(300),
]

/** Makes requests without end. */
export function proxyAsks(random: Random): () => ProxyAsk {
  const pick = picker(random)
  const chance = (part: number) => random.next() < part
  let made = 1000
  const argument = (fresh: string[]) => {
    if (chance(0.3))
      return pick([CID, `/ipfs/${CID}`, `/ipfs/${CID}/a`, `${CID}/../..`, `/ipns/${CID}`, '/ipns/x'])
    if (chance(0.5)) return pick(ODD)
    const cid = numberedCid(made++).toString()
    fresh.push(cid)
    return pick([cid, `/ipfs/${cid}`, `%2Fipfs%2F${cid}`, `/ipld/${cid}`, `ipfs%3A%2F%2F${cid}`])
  }
  const nameOf = (name: string) =>
    chance(0.05)
      ? pick([
          `${name}[]`,
          name.toUpperCase(),
          `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`,
          pick(ODD),
        ])
      : name
  const pathOf = (name: string) =>
    chance(0.06)
      ? pick([name.replace('/', '%2f'), `${name}/`, `./${name}`, `/${name}`, `${name}/a/b`, `${name};x`])
      : name
  return () => {
    const name = pick(NAMES)
    const command = COMMANDS[name]
    if (command === undefined) throw new Error(`no command ${name}`)
    const { args, parameters } = command
    const fresh: string[] = []
    const wanted = args < 0 || chance(0.15) ? Math.floor(random.next() * 5) : args
    const pairs = Array.from({ length: wanted }, () => `${nameOf('arg')}=${argument(fresh)}`)
    for (const [parameter, values] of Object.entries(parameters)) {
      if (!chance(Math.min(0.35, 2.5 / Object.keys(parameters).length))) continue
      const times = chance(0.15) ? 3 : 1
      for (let time = 0; time < times; time++)
        pairs.push(`${nameOf(parameter)}=${chance(0.6) ? pick(values) : pick(ODD)}`)
    }
    const written = pathOf(name)
    const isInPath = /^pin\/(?:add|rm|ls)$/.test(name) && chance(0.1)
    const segment = isInPath ? `/${argument(fresh)}` : ''
    const query = pairs.length === 0 ? '' : `?${pairs.join(pick(['&', '&', '&', '&&', ';']))}`
    const origin = chance(0.05) ? pick(ORIGINS) : ''
    const method = chance(0.15) ? pick(ODD_METHODS) : 'POST'
    const isAsWritten = written === name && CLUSTERS_METHODS.has(method)
    // A path below a root that nobody has is looked for, and names are asked of the network.
    const isWaiting = command.isPatient === true || pairs.some(pair => /ipns|\/a|%2f/i.test(pair)) || isInPath
    return {
      name,
      method,
      target: printable(`/api/v0/${written}${segment}${query}`),
      types:
        command.isUpload === true
          ? ['multipart/form-data; boundary=x', 'multipart/form-data; boundary="x"']
          : undefined,
      ...(command.isUpload === true ? { bodies: [...UPLOADS, ...UPLOADS] } : {}),
      headers: {
        ...(origin === '' ? {} : { Origin: origin }),
        ...(chance(0.03) ? { 'User-Agent': 'Mozilla/5.0' } : {}),
        ...(chance(0.03) ? { 'Content-Encoding': 'gzip' } : {}),
        ...(chance(0.03) ? { 'X-Long': 'x'.repeat(3000) } : {}),
      },
      ...(isWaiting ? { patienceMs: PATIENCE_MS } : {}),
      isClusters: command.isNodes !== true && isAsWritten && segment === '',
      // Those of a path are one argument, and pin/update names two on purpose.
      fresh: name === 'pin/add' && method === 'POST' ? fresh : [],
    }
  }
}
