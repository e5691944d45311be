import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runCtl } from '../../src/ctl/run-ctl.ts'
import { hastyClock } from '../support/hasty-clock.ts'
import { textSink } from '../support/text-sink.ts'

type Pairs = readonly (readonly [name: string, value: string])[]

interface Exchange {
  readonly method: string
  readonly path: string
  readonly bodyPreview?: string
  readonly response: {
    readonly status: number
    readonly headers: Pairs
    readonly trailers: Pairs | null
    readonly body: string
  }
}

/** A run of the reference's command. */
interface Recording {
  readonly name: string
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly stdout: string
  readonly exitCode: number
  readonly requests: readonly Exchange[]
}

const recordings = readFileSync(new URL('../recordings/ctl.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line) as Recording)

interface Difference {
  readonly why: string
  readonly stdout?: string | RegExp
  readonly exitCode?: number
  /** Set when requests are not compared: whether any is expected. */
  readonly isAsked?: boolean
}

const failure = (code: number, message: string) =>
  `An error occurred:\n  Code: ${code}\n  Message: ${message}\n`
const words = 'the failure is told in our own words'

const notRunning = (port: number) =>
  `no daemon answers at /ip4/127.0.0.1/tcp/${port}: is it running? Start it with "cluster-service daemon" or "npm start"`
const PEER = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'

/** Commands that the reference does not have, as `commands` lists them. */
const OWN_COMMANDS = [
  'summary',
  'why',
  'allocate',
  'watch',
  'peers cordon',
  'peers uncordon',
  'peers drain',
  'peers maintenance',
  'rebalance',
  'health peers',
  'health replication',
  'state',
  'state export',
  'state import',
  'state status',
  'trust',
  'trust ls',
  'trust add',
  'trust rm',
  'token',
  'token create',
  'token ls',
  'token revoke',
  'completion',
].map(command => `ipfs-cluster-ctl ${command}\n`)

/** Where we differ on purpose. What we do instead is checked as well. */
const DIFFERENCES: Readonly<Record<string, Difference>> = {
  '008-auth-missing-status-cid': {
    why: 'no line of an empty status before an error',
    stdout: failure(401, 'unauthorized: no auth provided'),
  },
  '009-auth-implies-https': {
    why: words,
    stdout: failure(
      0,
      'the daemon at /ip4/127.0.0.1/tcp/24900/https cannot be reached: it does not speak TLS; for plain HTTP use http:// or --force-http (EPROTO)',
    ),
  },
  '158-commands': {
    why: 'there are more',
    stdout:
      recordings
        .find(({ name }) => name === '158-commands')
        ?.stdout.replace('ipfs-cluster-ctl commands\n', line => OWN_COMMANDS.join('') + line) ?? '',
  },
  '087-pin-ls-filter-unknown': {
    why: 'a filter of unknown types only is refused: the reference lists everything',
    stdout: '',
    exitCode: 1,
    isAsked: false,
  },
  '100-status-filter-with-alias': { why: 'the filter is sent as it was given', isAsked: true },
  '101-status-filter-queued-part': { why: 'the filter is sent as it was given', isAsked: true },
  '120-peers-rm-bad': {
    why: 'what is no peer id may be the name of a peer, for which the daemon is asked',
    stdout: failure(599, 'more was asked than is recorded'),
    exitCode: 2,
    isAsked: true,
  },
  '153-host-refused': { why: words, stdout: failure(0, notRunning(1)) },
  '154-host-refused-json': {
    why: words,
    stdout: `${JSON.stringify({ code: 0, message: notRunning(1) }, null, 4)}\n`,
  },
  '155-host-refused-status': { why: words, stdout: failure(0, notRunning(1)) },
  '165-timeout': {
    why: words,
    stdout: failure(0, 'no whole answer from /ip4/127.0.0.1/tcp/24950 within 1 s'),
  },
  '166-odd-not-json': {
    why: words,
    stdout: failure(
      200,
      `the answer of /ip4/127.0.0.1/tcp/24900 is not JSON: Unexpected token 'h', "hello" is not valid JSON`,
    ),
  },
  '168-odd-error-without-code': {
    why: 'an error without a code has that of its HTTP status',
    stdout: failure(404, 'x'),
    exitCode: 2,
  },
  '169-odd-500-empty': { why: words, stdout: failure(500, 'the daemon answered with status 500') },
  '170-odd-peers-rm-200': { why: words, stdout: failure(200, '{}') },
  '174-odd-empty-peer-id': {
    why: 'ids are shown as the server gives them',
    stdout: ' |  | Sees -1 other peers\n  > Addresses:\n  > IPFS: \n',
    exitCode: 0,
  },
  '175-odd-bad-multiaddr': {
    why: 'addresses of protocols that are not known here are shown too',
    stdout: `${PEER} | n | Sees -1 other peers\n  > Addresses:\n    - /foo/bar\n  > IPFS ERROR: x\n`,
    exitCode: 0,
  },
  '177-odd-unknown-enum': {
    why: 'a status that is not known here is shown; names of members are exact',
    stdout:
      'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN:\n' +
      '    > p                    : FOO |  | Attempts: 0 | Priority: false\n',
  },
  '178-odd-ids-unknown-enum-json': {
    why: 'a status that is not known here is shown; names of members are exact',
    stdout: `${JSON.stringify(
      {
        cid: 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN',
        peer_map: {
          [PEER]: {
            peername: 'p',
            status: 'foo',
            timestamp: '',
            error: '',
            attempt_count: 0,
            priority_pin: false,
          },
        },
        name: '',
        allocations: null,
        origins: null,
        created: '',
        metadata: null,
      },
      null,
      4,
    )}\n`,
  },
  '179-odd-graph-missing-key': {
    why: 'a linked peer without links of its own is shown: the reference crashes',
    stdout: /^C0 -> C1$/m,
    exitCode: 0,
  },
  '183-odd-exponent': {
    why: 'numbers may have an exponent',
    stdout: `${PEER} | x: 1 | Expires in: 3 years ago\n`,
    exitCode: 0,
  },
}

/** When the recording was made, where the output tells times in words. */
const NOW: Readonly<Record<string, string>> = {
  '021-health-metrics-ping': '2026-11-21T10:32:36.664Z',
  '022-health-metrics-freespace': '2026-11-21T10:32:36.885Z',
  '142-health-alerts': '2026-11-21T10:38:34.151Z',
}

const folder = mkdtempSync(join(tmpdir(), 'pinfold-ctl-recordings-'))
after(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'dir', 'sub'), { recursive: true })
const FILES = {
  'hello.txt': 'hello\n',
  'two.txt': 'two\n',
  'hello.car': 'not read by the server that stands in',
  'dir/a.txt': 'alpha\n',
  'dir/b.txt': 'beta\n',
  'dir/.hid': 'hid\n',
  'dir/sub/c.txt': 'gamma\n',
}
for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content)
const PATHS = new Set([...Object.keys(FILES), 'dir', 'out.dot', 'nosuch.txt'])

interface Asked {
  readonly method: string
  readonly path: string
  readonly body: string
}

/** Takes connections and never answers. */
async function openSilence() {
  const server = net.createServer(socket => socket.resume())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  return (server.address() as AddressInfo).port
}
const silentPort = await openSilence()

/** Answers as recorded, in order. */
async function openReplay(exchanges: readonly Exchange[]) {
  const asked: Asked[] = []
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      asked.push({ method: request.method ?? '', path: request.url ?? '', body })
      const exchange = exchanges[asked.length - 1]
      if (exchange === undefined) {
        response.writeHead(599).end('more was asked than is recorded')
        return
      }
      const { status, headers, trailers, body: answer } = exchange.response
      const unkept =
        status === 204
          ? /^(transfer-encoding|connection|content-length|trailer)$/i
          : /^(transfer-encoding|connection|content-length)$/i
      const kept = headers.filter(([name]) => !unkept.test(name))
      response.statusCode = status
      for (const [name, value] of kept) response.appendHeader(name, value)
      if (status !== 204 && trailers !== null) {
        response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]))
      }
      if (status !== 204) response.write(answer)
      response.end()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    asked,
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function run(recording: Recording, port: number) {
  const [program = '', ...given] = recording.argv
  const argv = given.map(text =>
    PATHS.has(text)
      ? join(folder, text)
      : text
          .replaceAll('24900', `${port}`)
          .replaceAll('24901', `${port}`)
          .replaceAll('24999', '1')
          .replaceAll('24950', `${silentPort}`),
  )
  const [stdout, stderr] = [textSink(), textSink()]
  const clock = hastyClock(Date.parse(NOW[recording.name] ?? '2026-11-21T10:33:34.000Z'))
  const { signal } = new AbortController()
  const exitCode = await runCtl(argv, {
    program,
    version: '1.1.6',
    env: recording.env ?? {},
    stdout,
    stderr,
    clock,
    signal,
  })
  const shown = stdout.text
    .replaceAll(`/tcp/${port}`, '/tcp/24900')
    .replaceAll(`/tcp/${silentPort}`, '/tcp/24950')
  return { exitCode, stdout: shown, stderr: stderr.text }
}

/** Method, decoded path, and query without what varies or is in no order. */
function meaning({ method, path }: Pick<Asked, 'method' | 'path'>) {
  const url = new URL(path, 'http://host')
  const query = [...url.searchParams.entries()].map(([key, value]) =>
    key === 'expire-at'
      ? [key, 'a time']
      : [key, key === 'filter' ? value.split(',').sort().join(',') : value],
  )
  return { method, path: decodeURIComponent(url.pathname), query: query.map(pair => pair.join('=')).sort() }
}

/** The parts of an upload without what varies. */
function parts(body: string): readonly string[] {
  const boundary = body.slice(0, body.indexOf('\r\n'))
  return body
    .split(boundary)
    .map(part =>
      part.replace(/Abspath-Encoded: .*\r\n/, '').replace(/mtime=\d+&mtime-nsecs=\d+/, 'mtime=&mtime-nsecs='),
    )
}

/** What was sent under TLS is not recorded. */
const isEncrypted = (name: string) => /-tls-/.test(name)

test('every deliberate difference is about a recording', () => {
  const names = new Set(recordings.map(({ name }) => name))
  for (const name of [...Object.keys(DIFFERENCES), ...Object.keys(NOW)]) assert.ok(names.has(name), name)
})

for (const recording of recordings.filter(({ name }) => !isEncrypted(name))) {
  const difference = DIFFERENCES[recording.name]
  const title =
    difference === undefined ? 'as the reference' : `on purpose not as the reference: ${difference.why}`
  test(`${recording.name}: ${title}`, { timeout: 10_000 }, async () => {
    await using replay = await openReplay(recording.requests)
    const result = await run(recording, replay.port)
    const expected = difference?.stdout ?? recording.stdout
    if (typeof expected === 'string') assert.equal(result.stdout, expected, result.stderr)
    else assert.match(result.stdout, expected)
    assert.equal(result.exitCode, difference?.exitCode ?? recording.exitCode, result.stderr)
    if (difference?.isAsked !== undefined) {
      assert.equal(replay.asked.length > 0, difference.isAsked)
      return
    }
    assert.deepEqual(replay.asked.map(meaning), recording.requests.map(meaning))
    for (const [i, { bodyPreview }] of recording.requests.entries()) {
      const isWhole =
        bodyPreview !== undefined && !bodyPreview.endsWith(' bytes)') && !bodyPreview.includes('\\x')
      if (isWhole) assert.deepEqual(parts(replay.asked[i]?.body ?? ''), parts(bodyPreview))
    }
  })
}
