import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/peer-processes.ts'

const ROOT = join(import.meta.dirname, '../..')
/** What "npm pack" needs of a clone. */
const PARTS = [
  'package.json',
  'package-lock.json',
  '.npmrc',
  'tsconfig.json',
  'tsconfig.build.json',
  'LICENSE-MIT',
  'LICENSE-APACHE',
  'README.md',
  'scripts',
  'src',
]
const LIMIT = { timeout: 300_000 }
/** The first node is ours, as for somebody who installed a recent one. */
const PATH = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)

interface Result {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(command: string, args: readonly string[], cwd: string, more: NodeJS.ProcessEnv = {}): Result {
  const env = { ...process.env, PATH, ...more }
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  return { status, stdout, stderr: error === undefined ? stderr : error.message }
}

function succeed(result: Result): string {
  assert.equal(result.status, 0, `${result.stdout}\n${result.stderr}`)
  return result.stdout
}

/** A copy of the project, since packing rewrites package.json for a moment. Packages are linked, not copied, where possible. */
async function copyProject(to: string): Promise<void> {
  await mkdir(to)
  for (const part of PARTS) await cp(join(ROOT, part), join(to, part), { recursive: true })
  const modules = join(ROOT, 'node_modules')
  const linked = run('cp', ['-al', modules, join(to, 'node_modules')], to)
  if (linked.status === 0) return
  await rm(join(to, 'node_modules'), { recursive: true, force: true })
  succeed(run('cp', ['-a', modules, join(to, 'node_modules')], to))
}

test(
  'npm pack makes a package whose global install runs, with the very dependencies that were tested',
  LIMIT,
  async t => {
    if (run('npm', ['--version'], ROOT).status !== 0) return t.skip('npm is not in the PATH')
    const base = await mkdtemp(join(tmpdir(), 'pinfold-package-'))
    try {
      const project = join(base, 'project')
      await copyProject(project)
      const before = await readFile(join(project, 'package.json'), 'utf8')
      succeed(run('npm', ['pack', '--pack-destination', base], project))
      assert.equal(await readFile(join(project, 'package.json'), 'utf8'), before)
      const [tarball] = (await readdir(base)).filter(name => name.endsWith('.tgz'))
      assert.ok(tarball !== undefined)

      // Nothing is fetched: all of it is in the package.
      const prefix = join(base, 'prefix')
      const install = ['install', '--global', '--offline', '--prefix', prefix, join(base, tarball)]
      const { stdout, stderr } = run('npm', install, base, { npm_config_loglevel: 'warn' })
      assert.doesNotMatch(`${stdout}${stderr}`, /install.scripts|EBADENGINE|deprecated/)
      const home = join(prefix, 'lib', 'node_modules', 'pinfold')
      const modules = await readdir(join(home, 'node_modules'))
      assert.ok(modules.includes('classic-level'))
      for (const name of ['libp2p', 'fastify', 'pino', 'rolldown'])
        assert.ok(!modules.includes(name), `${name} is bundled`)
      const licences = await readFile(join(home, 'dist', 'THIRD-PARTY-LICENSES'), 'utf8')
      for (const name of ['libp2p', 'fastify', 'pino', 'yjs'])
        assert.match(licences, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ `, 'm'))
      const top = await readdir(home)
      for (const name of ['LICENSE-MIT', 'LICENSE-APACHE', 'README.md', 'dist'])
        assert.ok(top.includes(name), name)
      for (const name of ['src', 'test', 'scripts']) assert.ok(!top.includes(name), name)

      await tryClient(home, base)
      await tryCommands(prefix, join(base, 'peer'))
    } finally {
      await rm(base, { recursive: true })
    }
  },
)

/** As a program that has the package beside it sees it. */
async function tryClient(home: string, base: string): Promise<void> {
  const user = join(base, 'user')
  await mkdir(join(user, 'node_modules'), { recursive: true })
  await symlink(home, join(user, 'node_modules', 'pinfold'))
  await writeFile(join(user, 'package.json'), '{"type":"module"}')
  const lines = [
    "import { ClusterError, connect } from 'pinfold'",
    "const cluster = connect('http://127.0.0.1:1')",
    "const failure = await cluster.pin('x').then(({ cid }) => cid.length, error => error instanceof ClusterError)",
    'console.log(failure)',
  ]
  await writeFile(join(user, 'right.ts'), lines.join('\n'))
  await writeFile(join(user, 'wrong.ts'), lines.join('\n').replace('cid.length', 'cid.unknown'))
  assert.equal(succeed(run(process.execPath, ['right.ts'], user)).trim(), 'true')
  const options =
    '--noEmit --strict --skipLibCheck --module nodenext --target es2024 --lib es2024,dom --types'
  const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
  succeed(run(tsc, [...options.split(' '), '', 'right.ts'], user))
  assert.match(run(tsc, [...options.split(' '), '', 'wrong.ts'], user).stdout, /'unknown' does not exist/)
}

async function tryCommands(prefix: string, folder: string): Promise<void> {
  const bin = join(prefix, 'bin')
  const version = succeed(run(join(bin, 'cluster-service'), ['version'], prefix)).trim()
  assert.match(version, /^\d+\.\d+\.\d+/)
  for (const name of ['cluster-ctl', 'ipfs-cluster-service', 'ipfs-cluster-ctl']) {
    assert.ok(succeed(run(join(bin, name), ['--version'], prefix)).includes(version), name)
  }
  const [port, metrics] = [await freePort(), await freePort()]
  await using collector = await openCollector()
  const environment = {
    CLUSTER_PATH: folder,
    CLUSTER_IPFSCONNECTOR_NODE: 'embedded',
    CLUSTER_LISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
    CLUSTER_IPFSEMBEDDED_LISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
    CLUSTER_IPFSPROXY_LISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
    CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
    CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: `/ip4/127.0.0.1/tcp/${port}`,
    // Parts that are loaded only when they are switched on have to be in the package as well.
    CLUSTER_METRICS_ENABLESTATS: 'true',
    CLUSTER_METRICS_PROMETHEUSENDPOINT: `/ip4/127.0.0.1/tcp/${metrics}`,
    CLUSTER_TRACING_ENABLETRACING: 'true',
    CLUSTER_TRACING_SAMPLINGPROB: '1',
    CLUSTER_TRACING_OTLPENDPOINT: collector.url,
  }
  succeed(run(join(bin, 'cluster-service'), ['init'], prefix, environment))
  const id = succeed(run(join(bin, 'cluster-service'), ['id'], prefix, environment)).trim()
  const env = { ...process.env, PATH, ...environment }
  const daemon = spawn(join(bin, 'cluster-service'), ['daemon'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  daemon.stderr.on('data', chunk => {
    said += String(chunk)
  })
  try {
    const host = `/ip4/127.0.0.1/tcp/${port}`
    const ask = () => {
      assert.equal(daemon.exitCode, null, said)
      return run(join(bin, 'cluster-ctl'), ['--host', host, 'id'], prefix).stdout.includes(id)
    }
    await eventually('the installed peer answers', ask, 60_000)
    const scrape = await fetch(`http://127.0.0.1:${metrics}/metrics`)
    assert.match(await scrape.text(), /^ipfscluster_pins /m)
    const file = join(folder, 'content')
    await writeFile(file, 'some content')
    const ctl = ['--host', host, '--enc', 'json']
    const added = succeed(run(join(bin, 'cluster-ctl'), [...ctl, 'add', file], prefix))
    const [cid] = /bafk\w+|Qm\w+/.exec(added) ?? []
    assert.ok(cid !== undefined, added)
    assert.ok(succeed(run(join(bin, 'cluster-ctl'), [...ctl, 'pin', 'ls'], prefix)).includes(cid))
  } finally {
    daemon.kill('SIGTERM')
    if (daemon.exitCode === null) await once(daemon, 'exit')
  }
  assert.equal(daemon.exitCode, 0, said)
  assert.ok(collector.requests() > 0, 'traces are sent')
}

/** Counts what is sent to it. */
async function openCollector(): Promise<AsyncDisposable & { readonly url: string; requests(): number }> {
  let requests = 0
  const port = await freePort()
  const server = createServer((request, response) => {
    requests += 1
    request.resume().on('end', () => response.end())
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
