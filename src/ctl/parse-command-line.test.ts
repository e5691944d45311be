import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commands } from './command-table.ts'
import { parseCommandLine } from './parse-command-line.ts'

const parse = (line: string) => parseCommandLine('cluster-ctl', line === '' ? [] : line.split(' '), 80)

function run(line: string) {
  const parsed = parse(line)
  assert.equal(parsed.kind, 'run', JSON.stringify(parsed))
  if (parsed.kind !== 'run') throw new Error('not a run')
  const options: Readonly<Record<string, unknown>> = parsed.input.options
  return { path: parsed.command.path.join(' '), options, args: parsed.input.args, globals: parsed.globals }
}

test('one dash and two mean the same, for every name of an option', () => {
  for (const flag of ['-rmin', '--rmin', '--replication-min', '-replication-min']) {
    assert.equal(run(`pin add ${flag} 2 x`).options['replication-min'], 2, flag)
    assert.equal(run(`pin add ${flag}=2 x`).options['replication-min'], 2, flag)
  }
  for (const flag of ['-r', '--r', '-recursive'])
    assert.equal(run(`add ${flag} x`).options['recursive'], true)
  for (const flag of ['-l', '--l', '-host', '--host'])
    assert.deepEqual(run(`${flag} /h id`).globals.host, ['/h'])
})

test('options and arguments mix within a command, and everything behind -- is an argument', () => {
  const mixed = run('pin add x --ns --name n y')
  assert.deepEqual([mixed.args, mixed.options['no-status'], mixed.options['name']], [['x', 'y'], true, 'n'])
  assert.deepEqual(run('add -- -r').args, ['-r'])
})

test('values may begin with a dash', () => {
  assert.equal(run('pin add --rmin -1 x').options['replication-min'], -1)
  assert.equal(run('pin add --name -n x').options['name'], '-n')
})

test('the same name means another option before the command and behind it', () => {
  const { globals, options } = run('-f health graph -f out.dot')
  assert.deepEqual([globals['force-http'], options['file']], [true, 'out.dot'])
})

test('an option that repeats collects its values, others take the last one', () => {
  assert.deepEqual(run('add --metadata a=b -metadata c=d x').options['metadata'], ['a=b', 'c=d'])
  assert.equal(run('pin ls --filter=pin -filter shard-pin').options['filter'], 'shard-pin')
})

test('options have their defaults', () => {
  const { options } = run('add x')
  assert.deepEqual(
    [options['chunker'], options['no-pin'], options['cid-version'], options['metadata'], options['layout']],
    ['size-262144', false, 0, [], ''],
  )
  assert.equal(run('add --no-pin x').options['no-pin'], true)
  assert.equal(run('add --no-pin=false x').options['no-pin'], false)
})

test('a group alone and help show help; unknown words are told apart', () => {
  assert.equal(parse('pin').kind, 'help')
  assert.equal(parse('').kind, 'help')
  assert.equal(parse('help pin add').kind, 'help')
  assert.equal(parse('h').kind, 'help')
  assert.equal(parse('pin add --help').kind, 'help')
  assert.equal(parse('-v').kind, 'version')
  assert.deepEqual(parse('nosuch'), { kind: 'unknown', word: 'nosuch' })
  assert.deepEqual(parse('peers add x'), { kind: 'unknown', word: 'add' })
  assert.deepEqual(parse('help pin nosuch'), { kind: 'unknown', word: 'nosuch' })
})

test('what is not understood is named, with help on where it stands', () => {
  const text = (line: string) => {
    const parsed = parse(line)
    return parsed.kind === 'misused' ? parsed.text : `it is ${parsed.kind}`
  }
  assert.match(
    text('pin add --nosuch x'),
    /^Incorrect Usage: unknown option '--nosuch'\n\nUsage: cluster-ctl pin add/,
  )
  assert.match(
    text('--nosuch id'),
    /^Incorrect Usage\. unknown option '--nosuch'\n\nUsage: cluster-ctl \[global/,
  )
  assert.match(
    text('status --host /ip4/127.0.0.1/tcp/9194'),
    /^Incorrect Usage: unknown option '--host': it belongs before the command, behind "cluster-ctl"\n/,
  )
  assert.match(text('id -l x'), /it belongs before the command/)
  assert.match(text('pin add --rmin foo x'), /'foo' is invalid/)
  assert.match(text('--timeout'), /argument missing/)
})

test('help has its three headings, every command and no line beyond 120 columns', () => {
  const parsed = parse('help')
  const text = parsed.kind === 'help' ? parsed.text : ''
  for (const heading of [/^usage/im, /^commands/im, /^global options/im]) assert.match(text, heading)
  for (const { path } of commands) {
    const help = parse(`help ${path.join(' ')}`)
    assert.equal(help.kind, 'help')
    const lines = help.kind === 'help' ? help.text.split('\n') : []
    for (const line of lines) assert.ok(line.length <= 120, line)
  }
})

test('help fits the terminal, but for examples', () => {
  for (const { path } of commands) {
    const help = parseCommandLine('cluster-ctl', ['help', ...path], 80)
    const lines = help.kind === 'help' ? help.text.split('\n') : []
    for (const line of lines) assert.ok(line.length <= 80 || line.startsWith('  cluster-ctl'), line)
  }
})

test('names of options are unique within each command', () => {
  for (const { path, options } of commands) {
    const names = options.flatMap(({ name, aliases = [] }) => [name, ...aliases])
    assert.equal(new Set(names).size, names.length, path.join(' '))
  }
})
