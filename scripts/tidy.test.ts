// The repository itself: what may import what, how large things may grow, and what must be written where.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import test from 'node:test'

const ROOT = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const files = (pattern: string) => globSync(pattern, { cwd: ROOT }).sort()
const sources = files('src/**/*.ts')
const allCode = [
  ...sources,
  ...files('test/**/*.ts'),
  ...files('scripts/**/*.{ts,mjs}'),
  ...files('bench/*.ts'),
]
const prose = [...files('*.md'), ...files('docs/**/*.md')]

/** Folder or file below src/ → what it may import besides itself. `lib`, `model` and `errors` are allowed to all above. */
const BASE = ['lib', 'model', 'errors.ts']
const PORTS = [...BASE, 'interfaces.ts']
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  lib: ['errors.ts', 'interfaces.ts'],
  model: ['errors.ts', 'lib'],
  'interfaces.ts': ['model'],
  store: PORTS,
  network: PORTS,
  rpc: PORTS,
  ipfs: PORTS,
  consensus: PORTS,
  allocator: PORTS,
  monitor: PORTS,
  alerts: PORTS,
  events: PORTS,
  webhooks: PORTS,
  pintracker: PORTS,
  sharding: PORTS,
  observability: PORTS,
  cluster: PORTS,
  api: PORTS,
  ctl: [...BASE, 'api/client.ts', 'api/routes.ts', 'api/query-schema.ts', 'api/address.ts'],
  // Everything but the parser of addresses and what can go wrong is types: it runs in browsers.
  client: [...BASE, 'api/address.ts', 'api/routes.ts', 'api/query-schema.ts'],
  config: [...PORTS, '*/config.ts'],
  service: [...PORTS, 'config', 'daemon.ts', 'stored-state.ts', 'api/client.ts', 'api/address.ts'],
  'daemon.ts': ['*'],
  'stored-state.ts': ['*'],
  bin: ['*'],
}

/** Package (or its prefix) → folders that may use it. */
const PACKAGE_HOME: Readonly<Record<string, readonly string[]>> = {
  libp2p: ['network', 'ipfs'],
  '@libp2p/': ['network', 'ipfs'],
  yjs: ['consensus'],
  'classic-level': ['store'],
  fastify: ['api'],
  '@fastify/busboy': ['api'],
  '@opentelemetry/sdk-': ['observability'],
  '@opentelemetry/exporter-': ['observability'],
  '@opentelemetry/resources': ['observability'],
  pino: ['observability'],
  'pino-pretty': ['observability'],
  commander: ['ctl', 'service'],
  'ipfs-unixfs-importer': ['sharding'],
  '@hpcc-js/wasm-graphviz': ['ctl'],
}

const LINES_MAX = 400
const INTERFACES_LINES_MAX = 400
const FUNCTION_LINES_MAX = 70
const MEDIAN_LINES_MAX = 100

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(match => match[1] ?? '')
}

/** The first part of a path below src/: a folder, or a file that stands alone. */
function roomOf(path: string): string {
  return path.split('/')[0] ?? ''
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts') || file.endsWith('.long.ts')
}

function isAllowed(target: string, allowed: readonly string[]): boolean {
  return allowed.some(
    rule =>
      rule === '*' ||
      rule === target ||
      rule === roomOf(target) ||
      (rule.startsWith('*/') && target.split('/').length <= 3 && basename(target) === rule.slice(2)),
  )
}

test('imports go down the floors only, and siblings never meet', () => {
  const faults: string[] = []
  for (const file of sources.filter(name => !isTest(name))) {
    const own = relative('src', file)
    const allowed = MAY_IMPORT[roomOf(own)]
    assert.ok(allowed, `src/${roomOf(own)} is on no floor: give it one in MAY_IMPORT and in ARCHITECTURE.md`)
    for (const name of importsOf(file).filter(specifier => specifier.startsWith('.'))) {
      const target = relative('src', join(dirname(file), name))
      if (target.startsWith('..')) faults.push(`${file} imports ${name}, which is outside src/`)
      else if (roomOf(target) !== roomOf(own) && !isAllowed(target, allowed))
        faults.push(`${file} must not import ${target}`)
    }
  }
  assert.deepEqual(faults, [])
})

test('every heavy package lives in one place', () => {
  const faults: string[] = []
  for (const file of sources.filter(name => !isTest(name))) {
    for (const name of importsOf(file).filter(specifier => !specifier.startsWith('.'))) {
      for (const [prefix, homes] of Object.entries(PACKAGE_HOME)) {
        const isMeant =
          prefix.endsWith('/') || prefix.endsWith('-')
            ? name.startsWith(prefix)
            : name === prefix || name.startsWith(`${prefix}/`)
        if (isMeant && !homes.includes(roomOf(relative('src', file))))
          faults.push(`${file} must not import ${name}`)
      }
    }
  }
  assert.deepEqual(faults, [])
})

test('files stay small', () => {
  const faults = allCode.flatMap(file => {
    const lines = read(file).split('\n').length - 1
    const max = file === 'src/interfaces.ts' ? INTERFACES_LINES_MAX : LINES_MAX
    return lines > max ? [`${file} has ${lines} lines, ${max} are allowed`] : []
  })
  assert.deepEqual(faults, [])
  const sizes = sources
    .filter(name => !isTest(name))
    .map(file => read(file).split('\n').length)
    .sort((a, b) => a - b)
  const median = sizes[Math.floor(sizes.length / 2)] ?? 0
  assert.ok(median <= MEDIAN_LINES_MAX, `the median file has ${median} lines`)
})

test('functions stay small', () => {
  const faults: string[] = []
  const opening =
    /^(\s*)(?:(?:export |async |static |private |readonly |get |set )*(?:function\*? ?[\w$]*|[#\w$]+|\*[#\w$]+|\[Symbol\.\w+\])\s*(?:<[^>]*>)?\(.*\{|.*=> \{)$/
  for (const file of sources.filter(name => !isTest(name))) {
    const lines = read(file).split('\n')
    lines.forEach((line, at) => {
      const start = opening.exec(line)
      if (start === null || /^\s*(?:if|for|while|switch|catch|return\b.*\bnew\b)/.test(line)) return
      const length = lines
        .slice(at)
        .findIndex((later, offset) => offset > 0 && later.startsWith(`${start[1]}}`))
      if (length > FUNCTION_LINES_MAX)
        faults.push(`${file}:${at + 1} is ${length} lines long, ${FUNCTION_LINES_MAX} are allowed`)
    })
  }
  assert.deepEqual(faults, [])
})

test('names are kebab-case and say what is inside', () => {
  const banned = /^(index|utils?|helpers?|types|common|misc)\./
  const faults = allCode.filter(file => banned.test(basename(file)) || !/^[a-z0-9.-]+$/.test(basename(file)))
  assert.deepEqual(faults, [])
})

test('timers live in lib/clock.ts, and nothing ends the process from within', () => {
  const faults: string[] = []
  for (const file of sources.filter(name => !isTest(name))) {
    const text = read(file)
    if (file !== 'src/lib/clock.ts' && /(?<![.\w])set(?:Timeout|Interval)\(/.test(text))
      faults.push(`${file} uses a bare timer`)
    if (/timers\/promises/.test(text)) faults.push(`${file} sleeps past the clock`)
    if (/process\.exit\(/.test(text) && file !== 'src/bin/cluster-service.ts')
      faults.push(`${file} calls process.exit`)
  }
  assert.deepEqual(faults, [])
})

test('nothing is left to do without an issue, and no comment tells history', () => {
  const faults = [...allCode, ...prose]
    .filter(file => file !== 'scripts/tidy.test.ts')
    .flatMap(file => (/\b(?:TODO|FIXME|XXX\b(?!_))/.test(read(file)) ? [file] : []))
  assert.deepEqual(faults, [])
})

test('every exported name of the source has a sentence', () => {
  const faults: string[] = []
  for (const file of sources.filter(name => !isTest(name))) {
    const lines = read(file).split('\n')
    lines.forEach((line, at) => {
      const isExported = /^export (?:async )?(?:function|class|const|interface|type) \w/.test(line)
      if (!isExported || line.includes('Static<typeof')) return
      const before = lines[at - 1] ?? ''
      if (!/\*\/\s*$/.test(before) && !/^export type \w+ = \(typeof/.test(line))
        faults.push(`${file}:${at + 1} ${line.slice(0, 60)}`)
    })
  }
  assert.deepEqual(faults, [])
})

test('every error code is in the reference, and the reference names no other', async () => {
  const { CODES } = await import('../src/errors.ts')
  const documented = [...read('docs/reference/errors.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map(
    match => match[1],
  )
  assert.deepEqual(new Set(documented), new Set(Object.keys(CODES)))
})

test('the reference pages are what the tables say', async () => {
  const { referencePages } = await import('./reference-pages.ts')
  const old = [...(await referencePages(ROOT))].filter(([file, text]) => read(file) !== text)
  assert.deepEqual(
    old.map(([file]) => `${file} is old: npm run docs`),
    [],
  )
})

test('links between the documents lead somewhere', () => {
  const faults: string[] = []
  for (const file of prose) {
    for (const [, target = ''] of read(file).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const path = join(dirname(file), target)
      if (globSync(path, { cwd: ROOT }).length === 0) faults.push(`${file} points at ${target}`)
    }
  }
  assert.deepEqual(faults, [])
})
