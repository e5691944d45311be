import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testContext } from '../../test/support/command-context.ts'
import { ClusterError } from '../errors.ts'
import type { Command, CommandContext, Input } from './command.ts'
import { COMMANDS } from './commands.ts'
import { runService } from './program.ts'

async function run(
  argv: readonly string[],
  act: (input: Input) => number = () => 0,
  given: Partial<CommandContext> = {},
) {
  const command: Command = {
    name: 'act',
    summary: 'act',
    description: 'Acts.',
    argument: { name: '[what]', says: 'what' },
    flags: [
      { flags: '-f, --force', says: 'force' },
      { flags: '-j, --bootstrap <addresses>', says: 'whom' },
      { flags: '--no-trust', says: 'no trust' },
    ],
    examples: ['cluster-service act now'],
    run: async input => act(input),
  }
  const { context, stdout, stderr } = testContext(given)
  const code = await runService(argv, [command], context)
  return { code, stdout: stdout(), stderr: stderr() }
}

test('flags are known before and behind the command, with values, shortcuts and arguments', async () => {
  const seen: unknown[] = []
  const look = (input: Input) => {
    seen.push([
      input.argument,
      input.text('config'),
      input.text('bootstrap'),
      input.has('force'),
      input.has('noTrust'),
    ])
    return 0
  }
  await run(['-c', '/x', 'act', 'now', '-j', 'a,b', '--no-trust'], look)
  await run(['act', '--config=/y', '-f'], look)
  await run(['-f', 'act'], look)
  assert.deepEqual(seen, [
    ['now', '/x', 'a,b', false, true],
    [undefined, '/y', undefined, true, false],
    [undefined, undefined, undefined, true, false],
  ])
})

test('the exit code is the command’s own', async () => {
  assert.equal((await run(['act'], () => 0)).code, 0)
  assert.equal((await run(['act'], () => 1)).code, 1)
})

test('an error is one line on stderr that begins with what was being done, and exit code 1', async () => {
  const { code, stdout, stderr } = await run(['act'], () => {
    throw new ClusterError('CONFLICT', 'obtaining execution lock: someone has it')
  })
  assert.deepEqual(
    { code, stdout, stderr },
    { code: 1, stdout: '', stderr: 'error obtaining execution lock: someone has it\n' },
  )
})

test('a command that was stopped on purpose is no error', async () => {
  const signal = AbortSignal.abort(new Error('enough'))
  const { code, stderr } = await run(
    ['act'],
    () => {
      throw signal.reason
    },
    { signal },
  )
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
})

test('no command and an unknown one print the help and fail', async () => {
  const none = await run([])
  assert.equal(none.code, 1)
  assert.match(none.stdout, /Usage: cluster-service .*\n[^]*act /)
  const unknown = await run(['nosuch'])
  assert.equal(unknown.code, 1)
  assert.match(unknown.stdout, /Usage: cluster-service/)
  assert.match(unknown.stderr, /unknown command 'nosuch'/)
})

test('unknown flags and missing values fail, with a suggestion', async () => {
  for (const argv of [['--nosuch'], ['act', '--nosuch'], ['act', '-j'], ['act', 'a', 'b']]) {
    assert.equal((await run(argv)).code, 1, argv.join(' '))
  }
  assert.match(
    (await run(['act', '--bootstra', 'x'])).stderr,
    /unknown option '--bootstra'\n\(Did you mean --bootstrap\?\)/,
  )
})

test('help and version go to stdout and succeed', async () => {
  const help = await run(['act', '--help'])
  assert.equal(help.code, 0)
  assert.match(
    help.stdout,
    /Acts\.[^]*--bootstrap <addresses> +whom[^]*Examples:\n {2}cluster-service act now/,
  )
  const version = await run(['--version'])
  assert.equal(version.code, 0)
  assert.match(version.stdout, /^cluster-service version \d+\.\d+\.\d+\S*\n$/)
})

test('every command has a help that a person can learn from, and takes the flags of the reference', async () => {
  const flagsOf: Readonly<Record<string, readonly string[]>> = {
    init: [
      '--consensus',
      '--datastore',
      '--custom-secret',
      '-s,',
      '--peers',
      '--force',
      '-f,',
      '--randomports',
    ],
    daemon: ['--upgrade', '-u,', '--bootstrap', '-j,', '--stats', '--tracing', '--no-trust'],
    id: [],
    version: [],
    'state export': ['--file', '-f,', '--requests'],
    'state import': ['--force', '-f,', '--replication-min', '--rmin', '--rmax', '--allocs', '--allocations'],
    'state cleanup': ['--force', '-f,'],
    'quick-start': ['--peers', '--folder'],
  }
  for (const command of COMMANDS) {
    const { context, stdout } = testContext()
    assert.equal(await runService([...command.name.split(' '), '--help'], COMMANDS, context), 0)
    const names = [
      ...(flagsOf[command.name] ?? ['?']),
      '--config',
      '-c,',
      '--debug',
      '-d,',
      '--loglevel',
      '-l,',
    ]
    for (const name of names) assert.ok(stdout().includes(name), `${command.name} ${name}`)
    assert.ok(command.description.length > 30, command.name)
  }
})
