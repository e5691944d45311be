import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFake } from '../../test/support/fake-client.ts'
import type { OptionSpec } from './command.ts'
import { commandLines, commands } from './command-table.ts'
import { globalOptions } from './global-options.ts'
import { parseCommandLine } from './parse-command-line.ts'

/** An option of the reference: all its names, the long one first, and its default; several texts have none. */
type Row = readonly [names: string, defaultValue: boolean | number | string | readonly string[]]

const GLOBAL: readonly Row[] = [
  ['secret', ''],
  ['https s', false],
  ['no-check-certificate', false],
  ['encoding enc', 'text'],
  ['timeout t', 0],
  ['debug d', false],
  ['basic-auth', ''],
  ['force-http f', false],
]
const WAITING: readonly Row[] = [
  ['no-status ns', false],
  ['wait w', false],
  ['wait-limit wl', 0],
  ['wait-timeout wt', ''],
]
const LOCAL: Row = ['local', false]
const NAMING: readonly Row[] = [
  ['name n', ''],
  ['expire-in', ''],
]
const REPLICATION: readonly Row[] = [
  ['replication-min rmin', 0],
  ['replication-max rmax', 0],
]

/** Every command of the reference in the order in which its `commands` lists them, with every option it has. */
const COMMANDS: Readonly<Record<string, readonly Row[]>> = {
  id: [],
  'peers ls': [],
  'peers rm': [],
  add: [
    ['recursive r', false],
    ['quiet q', false],
    ['quieter Q', false],
    ['no-stream', false],
    LOCAL,
    ...NAMING,
    ...REPLICATION,
    ['metadata', []],
    ['allocations allocs', ''],
    ['no-pin', false],
    ['wait', false],
    ['wait-timeout wt', ''],
    ['wrap-with-directory w', false],
    ['format', 'unixfs'],
    ['layout', ''],
    ['hidden H', false],
    ['chunker s', 'size-262144'],
    ['raw-leaves', false],
    ['cid-version', 0],
    ['hash', 'sha2-256'],
    ['nocopy', false],
  ],
  'pin add': [
    ['replication r', 0],
    ...REPLICATION,
    ['allocations allocs', ''],
    ...NAMING,
    ['mode', 'recursive'],
    ['metadata', []],
    ...WAITING,
  ],
  'pin rm': WAITING,
  'pin update': [...NAMING, ...WAITING],
  'pin ls': [['filter', 'all']],
  status: [LOCAL, ['filter', '']],
  recover: [LOCAL],
  version: [],
  'health graph': [
    ['file f', ''],
    ['all-ipfs-peers', false],
  ],
  'health metrics': [],
  'health alerts': [],
  'health bandwidth': [],
  'ipfs gc': [LOCAL],
  commands: [],
}

const parse = (args: readonly string[]) => {
  const parsed = parseCommandLine('cluster-ctl', args, 80)
  assert.equal(parsed.kind, 'run', `${args.join(' ')}: ${JSON.stringify(parsed)}`)
  if (parsed.kind !== 'run') throw new Error('not a run')
  const options: Readonly<Record<string, unknown>> = parsed.input.options
  return { path: parsed.command.path.join(' '), options, globals: { ...parsed.globals } }
}

/** What an option is given, and what it makes of that. */
function sampleOf(defaultValue: Row[1]): readonly [text: string | undefined, value: unknown] {
  if (typeof defaultValue === 'boolean') return [undefined, true]
  if (typeof defaultValue === 'number') return ['7', 7]
  return typeof defaultValue === 'string' ? ['a b', 'a b'] : ['k=v', ['k=v']]
}

/** Gives an option by every name, with one dash and with two, and sees what the program makes of it. */
function tryRow(
  [names, defaultValue]: Row,
  read: (flags: readonly string[]) => Readonly<Record<string, unknown>>,
): void {
  const [name = ''] = names.split(' ')
  const [text, value] = sampleOf(defaultValue)
  assert.deepEqual(read([])[name], defaultValue, `default of ${name}`)
  for (const flag of names.split(' ').flatMap(word => [`-${word}`, `--${word}`])) {
    assert.deepEqual(read(text === undefined ? [flag] : [flag, text])[name], value, flag)
    assert.deepEqual(read([`${flag}=${text ?? 'true'}`])[name], value, `${flag}=`)
  }
}

test('hosts are one text of the reference, and any number of them besides', () => {
  const hostsOf = (line: string) => parse([...line.split(' '), 'id'].filter(word => word !== '')).globals.host
  assert.deepEqual(hostsOf(''), ['/ip4/127.0.0.1/tcp/9094'])
  for (const flag of ['-l', '--l', '-host', '--host']) assert.deepEqual(hostsOf(`${flag} /a,/b`), ['/a,/b'])
  assert.deepEqual(hostsOf('-l /a,/b -l /c'), ['/a,/b', '/c'])
})

test('options before the command are those of the reference, by all their names, with their defaults', () => {
  for (const row of GLOBAL) tryRow(row, flags => parse([...flags, 'id']).globals)
})

for (const [words, rows] of Object.entries(COMMANDS)) {
  test(`"${words}" has the options of the reference, by all their names, with their defaults`, () => {
    const path = words.split(' ')
    assert.equal(parse(path).path, words)
    for (const row of rows) {
      tryRow(row, flags => parse([...path, ...flags]).options)
      tryRow(row, flags => parse([...path, 'argument', ...flags]).options)
    }
  })
}

test('"commands" lists those of the reference in its order; what is more stands before the last two', () => {
  const lines = commandLines('ipfs-cluster-ctl').map(line => line.replace('ipfs-cluster-ctl ', ''))
  const expected = Object.keys(COMMANDS).flatMap((words, at, all) => {
    const [group = ''] = words.split(' ')
    const isFirst = words.includes(' ') && all.findIndex(other => other.startsWith(`${group} `)) === at
    return isFirst ? [group, words] : [words]
  })
  const known = new Set([...expected, 'help'])
  assert.deepEqual(
    lines.filter(line => known.has(line)),
    [...expected, 'help'],
  )
  assert.deepEqual(lines.slice(-2), ['commands', 'help'])
})

test('what the reference knows besides: help, its letters, the version, groups alone, unknown words', async () => {
  const of = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await runFake(args, {})
    return { exitCode, stdout, stderr }
  }
  const help = await of('--help')
  assert.equal(help.exitCode, 0)
  for (const way of [['-h'], ['help'], ['h'], []]) assert.deepEqual(await of(...way), help, way.join(' '))
  for (const way of [['-v'], ['--version']])
    assert.deepEqual(await of(...way), { exitCode: 0, stdout: 'cluster-ctl version 0\n', stderr: '' })
  for (const group of ['peers', 'pin', 'health', 'ipfs']) {
    assert.equal((await of(group)).exitCode, 0)
    assert.deepEqual(await of(group), await of('help', group))
  }
  assert.equal((await of('peers', 'add')).exitCode, 3)
  assert.deepEqual(await of('help', 'sync'), {
    exitCode: 3,
    stdout: '',
    stderr: "No help topic for 'sync'\n",
  })
})

test('two names of one option at once are refused, as in the reference', () => {
  for (const line of ['pin add --name a -n b x', '-l /a --host /b id', 'pin rm -w --wait x']) {
    const parsed = parseCommandLine('cluster-ctl', line.split(' '), 80)
    assert.equal(parsed.kind, 'misused', line)
    if (parsed.kind === 'misused') assert.match(parsed.text, /^Incorrect Usage.*two names of the same option/)
  }
})

test('every command has an example, and every option with a value says of what form it is', () => {
  const check = (where: string, options: readonly OptionSpec[]) => {
    for (const option of options)
      if (option.kind !== 'flag')
        assert.match(option.value, /^[a-z][a-z:=]*$|^CID$/, `${where} --${option.name}`)
  }
  check('', globalOptions)
  for (const { path, options, examples } of commands) {
    const words = path.join(' ')
    check(words, options)
    assert.ok(examples.length > 0, words)
    for (const example of examples) assert.ok(example.includes(words), `${words}: ${example}`)
  }
})
