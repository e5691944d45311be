import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { openRestServer } from '../../test/support/rest-server.ts'
import { formatCid } from '../model/cid.ts'

const ENTRY = join(import.meta.dirname, 'connect.ts')
/** What every browser has, and nothing else of what Node has. */
const WEB = {
  fetch,
  URL,
  URLSearchParams,
  AbortController,
  AbortSignal,
  TextEncoder,
  TextDecoder,
  Blob,
  FormData,
  DOMException,
  btoa,
  setTimeout,
  clearTimeout,
  performance,
}

/** Files that are loaded with the entry: imports of types are not. */
async function graphOf(file: string, seen = new Set<string>()): Promise<Set<string>> {
  if (seen.has(file)) return seen
  seen.add(file)
  const text = await readFile(file, 'utf8')
  for (const [, names = '', from = ''] of text.matchAll(/^(?:import|export) ([^;'"]*?) ?from '([^']+)'/gms)) {
    const isOnlyTypes = names.startsWith('type ') || /^\{(?:\s*type [\w$]+(?: as \w+)?,?)+\s*\}$/.test(names)
    if (isOnlyTypes) continue
    assert.match(from, /^\.{1,2}\//, `${file} imports ${from}, which browsers do not have`)
    await graphOf(join(dirname(file), from), seen)
  }
  return seen
}

test('the client imports nothing but itself and plain JavaScript', async () => {
  const files = await graphOf(ENTRY)
  assert.ok(files.size > 5)
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    assert.doesNotMatch(text, /\b(?:Buffer|process)\.|require\(|import\(/, file)
  }
})

test('bundled for browsers it works where there is no Node', async t => {
  const rolldown = await import('rolldown').catch(() => undefined)
  if (rolldown === undefined) return t.skip('rolldown is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-client-'))
  try {
    const file = join(folder, 'client.js')
    const bundle = await rolldown.rolldown({ input: ENTRY, platform: 'browser' })
    await bundle.write({ file, format: 'iife', name: 'pinfold', minify: true })
    await bundle.close()
    const code = await readFile(file, 'utf8')
    assert.ok(code.length < 20_000, `${code.length} characters`)
    const hash = formatCid(numberedCid(1))
    await using server = await openRestServer({
      version: '1',
      async *add(entries) {
        for await (const { path } of entries) yield { name: path, cid: numberedCid(1), size: 1 }
      },
    })
    const script = `${code}; (async () => {
      const cluster = pinfold.connect('http://127.0.0.1:${server.port}')
      const names = []
      for await (const { cid, name } of cluster.add([{ path: 'a', content: new Blob(['x']) }])) names.push(name + ' ' + cid)
      const failure = await cluster.status('nothing').catch(error => error.code)
      return JSON.stringify([await cluster.call('version', {}), names, failure])
    })()`
    const answer: unknown = await runInContext(script, createContext({ ...WEB }))
    assert.deepEqual(JSON.parse(String(answer)), [{ version: '1' }, [`a ${hash}`], 'INVALID_ARGUMENT'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
