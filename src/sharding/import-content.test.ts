import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { encode } from '@ipld/dag-cbor'
import { PLAIN_ADD } from '../../test/support/plain-add.ts'
import { ClusterError } from '../errors.ts'
import type { Block } from '../interfaces.ts'
import { concatBytes } from '../lib/bytes.ts'
import type { AddEntry, AddedOutput, AddParams } from '../model/add.ts'
import { verifyBlock } from './hashes.ts'
import { importContent } from './import-content.ts'

const PARAMS: AddParams = { ...PLAIN_ADD, cidVersion: 0, rawLeaves: false }

const utf8 = (text: string) => new TextEncoder().encode(text)
const noise = (length: number) =>
  new Uint8Array(createHash('shake256', { outputLength: length }).update('noise').digest())

/** Content in pieces of odd sizes, as a network would bring it. */
async function* inPieces(bytes: Uint8Array, pieceBytes = 65_521): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

const file = (path: string, content: Uint8Array | string, pieceBytes?: number): AddEntry => ({
  kind: 'file',
  path,
  content: inPieces(typeof content === 'string' ? utf8(content) : content, pieceBytes),
})
const directory = (path: string): AddEntry => ({ kind: 'directory', path })

interface Imported {
  readonly records: readonly AddedOutput[]
  readonly blocks: readonly Block[]
  readonly root: string | undefined
}

async function run(entries: Iterable<AddEntry>, params: Partial<AddParams> = {}): Promise<Imported> {
  const records: AddedOutput[] = []
  const blocks: Block[] = []
  const put = async (block: Block) => void blocks.push(block)
  const source = (async function* () {
    yield* entries
  })()
  const { signal } = new AbortController()
  for await (const record of importContent(source, { ...PARAMS, ...params }, put, { signal }))
    records.push(record)
  return { records, blocks, root: records.at(-1)?.cid?.toString() }
}

const shown = ({ records }: Imported) =>
  records.map(({ name, cid, size }) => `${name} ${cid?.toString()} ${size}`)
const refuses = (entries: Iterable<AddEntry>, params: Partial<AddParams>, message: RegExp) =>
  assert.rejects(
    run(entries, params),
    thrown => thrown instanceof ClusterError && message.test(thrown.message),
  )

test('records of a directory are those that the reference gave', async () => {
  const entries = [
    directory('dir'),
    file('dir/a.txt', 'alpha\n'),
    file('dir/b.txt', 'beta\n'),
    directory('dir/sub'),
    file('dir/sub/c.txt', 'gamma\n'),
  ]
  const expected = [
    'dir/a.txt QmV4STRyo1dygxGhZcr877TQ1M9AZuXhfm6HrXjxW1TYNP 14',
    'dir/b.txt QmRLgkLoSRyoLjkECGqdDhv2Uvxtv5tnVF2M8ZTigqwhxk 13',
    'dir/sub/c.txt QmQdhrHbCWGfqod5SVjqPkW9vtknS7azYXEAH3FRzGstpU 14',
    'dir/sub QmXGGpx3M8E9QjVq7BZMRVHxNQ93YAd84XyXngq1ULR7TK 65',
    'dir QmWiXFfJTZ6g9zMqXsZZtqTrykB4nZhhKYzrYLQxZ2q3XL 235',
  ]
  assert.deepEqual(shown(await run(entries)), expected)
  const again = entries.map(entry =>
    entry.kind === 'file'
      ? file(entry.path, `${{ a: 'alpha', b: 'beta', c: 'gamma' }[entry.path.at(-5) ?? '']}\n`)
      : entry,
  )
  assert.deepEqual(shown(await run(again, { wrapWithDirectory: true })), [
    ...expected,
    ' QmV6NP5aXw5RRCPvGJmarcF5WjxrsmXcrvthCuUz5NGXsh 285',
  ])
})

test('other recorded adds of the reference give the same CIDs and sizes', async () => {
  const hello = () => [file('hello.txt', 'hello\n')]
  const link: AddEntry = { kind: 'symlink', path: 'ln', target: 'hello.txt' }
  const cases: [Iterable<AddEntry>, Partial<AddParams>, readonly string[]][] = [
    [hello(), {}, ['hello.txt QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN 14']],
    [hello(), { chunker: 'size-2' }, ['hello.txt QmSJW6Cr11WanRKHW2dQtECU1A5XMttK2p2PiSJUFHsJGT 168']],
    [hello(), { layout: 'trickle' }, ['hello.txt QmcFUHo1DBpydnTSeuXszKgQqnXQCJq6Wu1BUdzEfuRahM 64']],
    [
      hello(),
      { rawLeaves: true },
      ['hello.txt bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am 6'],
    ],
    [
      hello(),
      { cidVersion: 1 },
      ['hello.txt bafybeiffndsajwhk3lwjewwdxqntmjm4b5wxaaanokonsggenkbw6slwk4 14'],
    ],
    [
      hello(),
      { cidVersion: 1, rawLeaves: true, hash: 'BLAKE2b-256' },
      ['hello.txt bafk2bzacecj35tdotcbcchb6ynyizfn422n2vn53lhd7jpeezzrxxcffgs3yg 6'],
    ],
    [
      [file('two.txt', 'two\n')],
      { layout: 'trickle', rawLeaves: true, chunker: 'size-512' },
      ['two.txt QmWKaPJCu6kWS3bc7siVPuyQk8aQ2PhCaEKcyjN3xgVNs4 56'],
    ],
    [
      [file('one.txt', 'one\n'), file('two.txt', 'two\n')],
      {},
      [
        'one.txt QmUB9Nr7RpqNYQpyh4W9r3RQNttiPQ6BQ9iQLkw9LztJFz 12',
        'two.txt QmapoNeQhJxjMDWstx27etyxMNLU4MtkDk8BMfyHRao8P8 12',
      ],
    ],
    [
      [link, ...hello()],
      { wrapWithDirectory: true },
      [
        'ln QmPYf1QFHozJBBDAws6mzy3kzMPmtSuSc4iCwJS5GMYaSK 15',
        'hello.txt QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN 14',
        ' Qmccb1vRnZgrKmDqQPg6MSDU3hEH7uLiXLja7M8aCTFS7v 128',
      ],
    ],
    [
      [file('x/y/z.txt', 'z\n')],
      {},
      [
        'x/y/z.txt QmV2mR5LvmFMxKaFjV1LmRiav3phDNMPgpenFG2US6EuVi 10',
        'x/y QmcHgohuCWGsoBYM6GSJYS9oBsjhXn6SBw3VX9r9Sgpoe8 61',
        'x QmPHhq4kByGeCJzoRZTM63nCEPviPVpG2wVQHZ6JcoJLWz 108',
      ],
    ],
    [
      [file('a b&<>.txt', 'esc\n')],
      { wrapWithDirectory: true },
      [
        'a b&<>.txt QmQpcnGAwnHXquQQmmNwBaSqCQqubsDQ7myzBK7pbFSyoF 12',
        ' QmeY9kkLTZhQuGKehru8kvem5ptKw12pCyQUcxacUy5FoR 68',
      ],
    ],
    [[file('e.txt', '')], {}, ['e.txt QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH 6']],
    [[directory('ed')], {}, ['ed QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn 4']],
    [[], { wrapWithDirectory: true }, [' QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn 4']],
  ]
  for (const [entries, params, expected] of cases) {
    assert.deepEqual(shown(await run(entries, params)), expected, JSON.stringify(params))
  }
})

const many = (count: number, name: (i: number) => string, content: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => file(name(i), content(i)))
const atThreshold = (firstExtra: number) =>
  many(
    1024,
    i => `b/${String(i).padStart(222 + (i === 0 ? firstExtra : 0), 'x')}`,
    () => 'x',
  )
const SOURCES: Readonly<Record<string, () => Iterable<AddEntry>>> = {
  noise: () => [file('noise', noise(1_000_000))],
  zero: () => [file('zero', '')],
  exact: () => [file('exact', noise(524_288))],
  t: () => [
    directory('t'),
    file('t/a.txt', 'alpha\n'),
    { kind: 'symlink', path: 't/link', target: 'a.txt' },
    file('t/s/ünï 漢字', 'u'),
    directory('t/s/empty'),
    file('t/zero', ''),
  ],
  m: () =>
    many(
      300,
      i => `m/f${i}`,
      i => `file ${i}`,
    ),
  h: () =>
    many(
      1500,
      i => `h/${'n'.repeat(200)}${i}`,
      i => `file ${i}`,
    ),
  below: () => atThreshold(0),
  above: () => atThreshold(1),
}

// Made with `ipfs add -n` of Kubo 0.44 on the same content.
const v1: Partial<AddParams> = { cidVersion: 1, rawLeaves: true }
const KUBO: readonly (readonly [source: string, params: Partial<AddParams>, cid: string])[] = [
  ['noise', {}, 'QmVNmRAe3ZprrVii6wDDCjNK6A7bDW49EYkggwzLZiSdYr'],
  ['noise', { chunker: 'default' }, 'QmVNmRAe3ZprrVii6wDDCjNK6A7bDW49EYkggwzLZiSdYr'],
  ['noise', v1, 'bafybeiho7vnyhchwf7pm3eig7y34w76oqywpke7zfrvlm6dg72kbplbuxa'],
  ['noise', { rawLeaves: true }, 'QmeRZp4dcLQ1WcZnXn7uYqAx4PZjeHDdE7L611AtwJRZQs'],
  ['noise', { cidVersion: 1 }, 'bafybeih4hv3shppqhj7hvsa3euh4fclnhmrgm56otbijqe6ugy7zubdo5i'],
  ['noise', { layout: 'trickle' }, 'QmRhPv3vJKLZN6VRxGpLPGgedX8KGzGZmdPfzABS9VyFAe'],
  ['noise', { chunker: 'size-1000' }, 'QmPakcCeJQ1FFQMjA8FixFQewS2bE1KNdXmbBbYcSmNLAL'],
  ['noise', { chunker: 'size-1000', layout: 'trickle' }, 'QmVnYL9RgQpS9bi4QFpDMvDruyJu3RN2h9Rzew3dtd9z51'],
  ['noise', { chunker: 'size-100' }, 'QmbRm4my8jepACLaaJ57VLpYv4NvuU6LWCQmKPHbmKX5GD'],
  ['noise', { chunker: 'size-100', layout: 'trickle' }, 'QmcRQHDrzatdM1FEeszxPQus3QVxZnNtU3zLSc4JCJdGWm'],
  [
    'noise',
    { chunker: 'size-25', layout: 'trickle', rawLeaves: true },
    'QmYz1Ef75AAMmhnW7pQQSKaNwQg6oiXWnwtqLPFtxKJffu',
  ],
  ['noise', { chunker: 'rabin-1000-2000-4000' }, 'Qma1PZZAaKtkj2NnDJPiafbmMpv4GknL9uvevn2Jf4XAdg'],
  ['noise', { chunker: 'rabin-16-64-128' }, 'QmZnyJowkRuAJp9HsGGztmswMBSrUUpFHdipgqVTvGWkaB'],
  ['noise', { chunker: 'rabin' }, 'Qmb2ip5ecSRo5jUZYBvGNUkXwzmQ3fpdqjFRHf87C8Hvxy'],
  ['noise', { chunker: 'rabin-2048' }, 'QmUJEyTSXEQRZ9kwhNJL1skWJL64oxvYyUiw1JxNKDF9wW'],
  ['zero', { rawLeaves: true }, 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'],
  ['zero', { layout: 'trickle' }, 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH'],
  ['zero', { layout: 'trickle', rawLeaves: true }, 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH'],
  ['zero', { chunker: 'rabin' }, 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH'],
  ['zero', { ...v1, hash: 'identity' }, 'bafkqaaa'],
  ['exact', {}, 'QmT6scZE6FLHyH7M7UKMaPoMe2hp8Sf22zBwEVzr9P8Kqo'],
  ['t', {}, 'Qmc6oDxXpxLgrfkFawtKcrjNFwXsL6AtBeZZU65vvBEeTM'],
  ['t', v1, 'bafybeie4cberlkyzzumc22jemlmblf5pfrfjhvdrhfp5pbjjhd4nn4vhoy'],
  ['t', { layout: 'trickle' }, 'QmaPfWzDZbZXpQD9bNxzu71cTSUeCeYiFLAv5AiQFYNGG9'],
  ['t', { wrapWithDirectory: true }, 'QmYKPGKhS38DmvrpRSygRbSDYUY7dGCQvifVtjuksasSXf'],
  ['m', {}, 'QmWh2akD9yvhXoLKGH3dd1L9t9vrZ6AwbfDL3HNh9aQEy3'],
  ['h', {}, 'Qmd65YMGn2dQLLPEtPPVRFpZiuXZdYRuBYGg7hTX6cABni'],
  ['h', v1, 'bafybeiamb66pncs7c67lxy5oigx6w2wapdtjpkijqsj46kyjtzsqklcrbu'],
  [
    'h',
    { ...v1, hash: 'sha2-512' },
    'bafybgqfrmr6h5morunabgjekaf3czjnbqzz7oca4huqjofjxbdq7kqfgzm76eqwgfphfw2dqzf2frjkmtszr62gqbtx2w6tlptflpddd5w6wm',
  ],
  ['below', {}, 'QmU17tJ5woYZaW6DD6m6vhrokFXCYE63prK4B99x5JCQcq'],
  ['above', {}, 'QmYJsenxoGRKgKe39QssXyqaENiir49k9cMV9hDhPoKzTR'],
  ['noise', { ...v1, hash: 'sha1' }, 'bafybcfeblnwxpluv2wpt37j3tgydoahekvzhcci'],
  ['noise', { ...v1, hash: 'sha3-224' }, 'bafybohahdvbdukbtgrdxsp4zxhd7hqweyb6zrra4wlfz6ejgzfwa'],
  ['noise', { ...v1, hash: 'sha3-256' }, 'bafybmidkzgiu7al7q6c6zqrdxjwuu4fs632uqy3czv7c2nkn2m3jkyzsui'],
  [
    'noise',
    { ...v1, hash: 'sha3-384' },
    'bafybkmccdxuokxvegvt7wzk6fnux6uyu3hb2gtl7kbvtns5gohcn7whgepidykirqszhbvmuusti37panrza',
  ],
  [
    'noise',
    { ...v1, hash: 'shake-256' },
    'bafybsqgdy722lzmqvu5gz7ikijhu3z7bgugxn5djucsc26qgxzwki4zi7b5ag6c7dabpddk2dl2uj4iadbxoha5xmjn2nmrgogexslrklilse',
  ],
  ['noise', { ...v1, hash: 'dbl-sha2-256' }, 'bafyfmigu3hanldswvyqhuzzlnd3e2mg5avvm2osd6ynmsw7zhfnmfugjm4'],
  ['noise', { ...v1, hash: 'blake2b-256' }, 'bafykbzacedrxjbac37ji3oiic3vcujpms3edzy4jmxclrt2vjfzhegl5t6rto'],
  ['noise', { ...v1, hash: 'blake2s-256' }, 'bafyobzacec2ncecssshvuq4xcyv2bvqjbk6hgq3vytlikjry3pgo27ab22eio'],
]

for (const [source, params, cid] of KUBO) {
  test(`${source} ${JSON.stringify(params)} has the CID that Kubo gives it`, async () => {
    const imported = await run(SOURCES[source]?.() ?? [], params)
    assert.equal(imported.root, cid)
    for (const block of imported.blocks) verifyBlock(block.cid, block.bytes)
    assert.equal(imported.blocks.at(-1)?.cid.toString(), cid, 'the root is put last')
  })
}

test('entries in any order give the same directory, and records in the same order', async () => {
  const ordered = ['r/a/1', 'r/a/2', 'r/b/c/3', 'r/b/c/4', 'r/z']
  const mixed = ['r/b/c/4', 'r/a/2', 'r/z', 'r/b/c/3', 'r/a/1']
  const [one, two] = await Promise.all(
    [ordered, mixed].map(paths => run(paths.map(path => file(path, path)))),
  )
  assert.equal(one?.root, two?.root)
  assert.deepEqual(
    two?.records.map(({ name }) => name),
    [...mixed, 'r/a', 'r/b/c', 'r/b', 'r'],
  )
})

test('progress is told every 256 KiB and at the end, before the file', async () => {
  const { records } = await run([file('d/f', noise(600_000), 65_536)], { progress: true })
  const told = records.map(({ name, cid, bytes }) => [name, cid === undefined, bytes])
  assert.deepEqual(told.slice(0, -3), [
    ['f', true, 262_144],
    ['f', true, 524_288],
  ])
  assert.deepEqual(told.slice(-3), [
    ['f', true, 600_000],
    ['d/f', false, undefined],
    ['d', false, undefined],
  ])
})

test('nothing more is read while a block is not taken', async () => {
  let read = 0
  const gate = Promise.withResolvers<void>()
  const content = (async function* () {
    for (;;) {
      read++
      yield new Uint8Array(262_144)
    }
  })()
  const stop = new AbortController()
  const source = (async function* (): AsyncGenerator<AddEntry> {
    yield { kind: 'file', path: 'endless', content }
  })()
  const importing = importContent(source, PARAMS, () => gate.promise, { signal: stop.signal })
  const next = importing[Symbol.asyncIterator]().next()
  await new Promise(resolve => setImmediate(resolve))
  assert.equal(read, 1)
  stop.abort(new Error('enough'))
  gate.resolve()
  await assert.rejects(next, /enough/)
})

test('what cannot be added is refused with its reason', async () => {
  const one = () => [file('f', 'x')]
  await refuses(one(), { hash: 'nosuch' }, /^hash function name not known: "nosuch"/)
  await refuses(one(), { hash: 'sha3-512' }, /^invalid cid: invalid v0 prefix/)
  await refuses(
    [file('f', noise(200))],
    { ...v1, hash: 'identity' },
    /200 bytes is too large for hash identity/,
  )
  await refuses(one(), { chunker: 'size-abc' }, /"abc" is not a number/)
  await refuses(one(), { chunker: 'size-0' }, /at least 1/)
  await refuses(
    one(),
    { chunker: 'size-99999999' },
    /chunker parameters may not exceed the maximum chunk size of 2096896/,
  )
  await refuses(one(), { chunker: 'buzhash' }, /buzhash is not supported/)
  await refuses(one(), { chunker: 'rabin-9-5-7' }, /at least 16/)
  await refuses(one(), { chunker: 'nosuch' }, /unrecognized chunker/)
  await refuses([], {}, /^nothing to add/)
  await refuses([file('a/../../b', 'x')], {}, /leads outside/)
  await refuses([file('d/f', 'x'), file('d/f', 'y')], {}, /directory already has entry by that name: "d\/f"/)
  await refuses([file('d/f', 'x'), file('d/f/g', 'y')], {}, /"d\/f" is a file/)
})

function car(roots: readonly Block[], blocks: readonly Block[]): Uint8Array {
  const section = (...parts: Uint8Array[]) => {
    const body = concatBytes(parts)
    const length: number[] = []
    let rest = body.length
    for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128)
    return concatBytes([Uint8Array.from([...length, rest]), body])
  }
  const header = section(encode({ version: 1, roots: roots.map(({ cid }) => cid) }))
  return concatBytes([header, ...blocks.map(({ cid, bytes }) => section(cid.bytes, bytes))])
}

test('a CAR gives its blocks as they are and one record for its root', async () => {
  const { blocks } = await run(SOURCES['noise']?.() ?? [], v1)
  const root = blocks.slice(-1)
  const imported = await run([file('n.car', car(root, blocks))], { format: 'car' })
  const total = blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  assert.deepEqual(
    imported.records.map(({ name, cid, bytes, size }) => [name, cid?.toString(), bytes, size]),
    [['n.car', root[0]?.cid.toString(), total, 1_000_000]],
  )
  assert.deepEqual(
    imported.blocks.map(({ cid }) => cid.toString()),
    blocks.map(({ cid }) => cid.toString()),
  )
})

test('a CAR that is not one, or not whole, is refused', async () => {
  const { blocks } = await run(SOURCES['noise']?.() ?? [])
  const [first, last] = [blocks.slice(0, 1), blocks.slice(-1)]
  const inCar = (bytes: Uint8Array, message: RegExp, params: Partial<AddParams> = {}) =>
    refuses([file('x.car', bytes)], { format: 'car', ...params }, message)
  await inCar(utf8('hello\n'), /"x.car" is not a CAR file/)
  await inCar(car(last, blocks).subarray(0, 300_000), /cut off/)
  await inCar(car([...first, ...last], blocks), /exactly one root, it has 2/)
  await inCar(car([], blocks), /exactly one root, it has 0/)
  await inCar(car(last, blocks), /^cannot wrap a CAR file upload$/, { wrapWithDirectory: true })
  const damaged = first.map(({ cid, bytes }) => ({ cid, bytes: bytes.with(5, (bytes[5] ?? 0) ^ 1) }))
  await inCar(car(last, damaged), /is damaged/)
  const huge = concatBytes([
    car(last, []),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f),
    blocks[0]?.cid.bytes ?? utf8(''),
  ])
  await inCar(concatBytes([huge, noise(100_000)]), /too large/)
  await refuses([], { format: 'car' }, /no CAR file/)
  await refuses([directory('d')], { format: 'car' }, /exactly one file/)
  await refuses(
    [file('a.car', car(last, last)), file('b.car', car(last, last))],
    { format: 'car' },
    /"b.car" cannot be taken/,
  )
})
