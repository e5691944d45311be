import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { test } from 'node:test'
import { ClusterError } from '../../src/errors.ts'
import type { Cluster } from '../../src/interfaces.ts'
import type { AddEntry, AddedOutput } from '../../src/model/add.ts'
import { parseCid } from '../../src/model/cid.ts'
import { toPin } from '../../src/model/pin.ts'
import { freePort } from '../support/peer-processes.ts'
import { type Pairs, serveFakeKubo, serveProxy } from '../support/proxy-server.ts'

/** An exchange with the reference system. */
interface Recording {
  readonly name: string
  readonly request: {
    readonly method: string
    readonly path: string
    readonly headers: Pairs
    readonly body: string
  }
  readonly response: {
    readonly status: number
    readonly headers: Pairs
    readonly trailers: Pairs | null
    readonly body: string
  }
}

const recordings = readFileSync(new URL('../recordings/proxy.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map(line => JSON.parse(line) as Recording)

/**
 * Where this proxy differs on purpose: pages of strange origins are refused; what is not added for `only-hash` is not
 * added. And texts behind a colon are each implementation's own.
 */
const DIFFERENT = new Set(['059-cors', '015-add-only-hash'])
const IN_OWN_WORDS: Readonly<Record<string, string>> = {
  '037-pin-ls-bad': 'invalid cid: ',
  '038-pin-ls-path': 'invalid cid: ',
  '016-add-not-multipart': 'error reading request: ',
  '065-ipfsdown-block-put': '',
}
const PUTS = /\/api\/v0\/(block|dag)\/put/

interface Line {
  readonly Name?: string
  readonly Hash?: string
  readonly Bytes?: number
  readonly Size?: string
  readonly Cid?: string
  readonly Key?: { readonly '/': string }
}

function linesOf(body: string): readonly Line[] {
  const text = body.startsWith('[') ? body.slice(1, -2).replaceAll('},{', '}\n{') : body
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line)
}

/** A cluster that says what the recorded answer tells. */
function replayed({ request, response }: Recording): Partial<Cluster> {
  const { body, status, trailers } = response
  const failure = () => {
    const streamed = trailers?.find(([, value]) => value !== '')?.[1]
    const message =
      streamed ?? (status >= 400 ? (JSON.parse(body).Message ?? JSON.parse(body).message) : undefined)
    return message === undefined ? undefined : new ClusterError('REFUSED', String(message))
  }
  const pinned = async (cid: Parameters<Cluster['unpin']>[0]) => {
    const error = failure()
    if (error !== undefined) throw error
    return toPin(cid)
  }
  return {
    pin: pinned,
    unpin: pinned,
    async allocation(cid) {
      if (status >= 400) throw new ClusterError('NOT_FOUND', 'pin is not part of the pinset')
      return toPin(cid)
    },
    async *allocations() {
      const cids =
        request.path.includes('stream=true') || request.path.includes('s=true')
          ? linesOf(body).map(line => line.Cid ?? '')
          : Object.keys(JSON.parse(body).Keys as object)
      for (const cid of cids) yield toPin(parseCid(cid))
    },
    async *add(entries) {
      await readAll(entries)
      const error = failure()
      if (error !== undefined) throw error
      for (const line of linesOf(body)) yield toAdded(line)
    },
    async repoStat() {
      const { RepoSize, StorageMax } = JSON.parse(body)
      return { sizeBytes: RepoSize, storageMaxBytes: StorageMax }
    },
    async *gc() {
      const keys = linesOf(body).map(({ Key }) => ({ cid: parseCid(Key?.['/'] ?? '') }))
      yield { peer: 'one', peername: '', keys, error: '' }
      yield { peer: 'two', peername: '', keys: [], error: 'not told' }
    },
  }
}

async function readAll(entries: AsyncIterable<AddEntry>): Promise<void> {
  for await (const entry of entries)
    if (entry.kind === 'file') for await (const _chunk of entry.content) continue
}

function toAdded({ Name = '', Hash, Bytes, Size }: Line): AddedOutput {
  return {
    name: Name,
    cid: Hash === undefined ? undefined : parseCid(Hash),
    ...(Bytes === undefined ? {} : { bytes: Bytes }),
    ...(Size === undefined ? {} : { size: Number(Size) }),
  }
}

/** The Kubo of the recording: answers what was forwarded to it as it did then. */
function kuboOf({ request, response }: Recording): RequestListener {
  return (incoming, outgoing) => {
    incoming.resume()
    if (!PUTS.test(request.path)) assert.equal(incoming.url, request.path)
    incoming.on('end', () => {
      outgoing.sendDate = false
      const kept = response.headers.filter(([name]) => name !== 'Content-Length')
      for (const [name, value] of kept) outgoing.appendHeader(name, value)
      outgoing.statusCode = response.status
      outgoing.end(response.body)
    })
  }
}

const FRAMING = new Set([
  'content-length',
  'transfer-encoding',
  'trailer',
  'connection',
  'date',
  'keep-alive',
])

function compareHeaders(seen: NodeJS.Dict<string | string[]>, expected: Pairs): void {
  for (const [name, value] of expected) {
    if (!FRAMING.has(name.toLowerCase())) assert.equal(seen[name.toLowerCase()], value, `header ${name}`)
  }
  const names = new Set(expected.map(([name]) => name.toLowerCase()))
  const extra = Object.keys(seen).filter(name => !names.has(name) && !FRAMING.has(name))
  assert.deepEqual(extra, [], 'no other headers')
}

function compareBody(name: string, seen: string, expected: string): void {
  if (name.endsWith('repo-stat')) {
    const { RepoSize, StorageMax } = JSON.parse(seen)
    return assert.deepEqual({ RepoSize, StorageMax }, JSON.parse(expected))
  }
  const begin = IN_OWN_WORDS[name]
  if (begin === undefined) return assert.equal(seen, expected)
  const { Message, Code, Type } = JSON.parse(seen)
  assert.ok(String(Message).startsWith(begin), Message)
  assert.deepEqual({ Code, Type }, { Code: 0, Type: 'error' })
}

for (const recording of recordings) {
  const { name, request, response } = recording
  test(`${name}: ${request.method} ${request.path.slice(0, 60)}`, async () => {
    const isDown = name.includes('ipfsdown') && !/06[67]/.test(name)
    await using kubo = await serveFakeKubo(kuboOf(recording))
    await using proxy = await serveProxy({
      cluster: replayed(recording),
      kuboPort: isDown ? await freePort() : kubo.port,
    })
    const seen = await proxy.ask(request.path, {
      method: request.method,
      headers: {
        ...Object.fromEntries(request.headers),
        'content-length': Buffer.byteLength(request.body),
      },
      body: request.body,
    })
    if (DIFFERENT.has(name)) {
      assert.equal(seen.status, name === '059-cors' ? 403 : 500)
      assert.equal(seen.body.trim().split('\n').length, 1)
      return
    }
    assert.equal(seen.status, response.status, seen.body)
    compareHeaders(seen.headers, response.headers)
    compareBody(name, seen.body, response.body)
    assert.deepEqual(seen.trailers, response.trailers ?? [])
  })
}
