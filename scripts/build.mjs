// Builds dist/: the commands and everything they use in few files, since loading two thousand is most of a start.
//
//   bin/       the commands        chunks/    what they share, and what is loaded only when it is needed
//   client/    the client, one file for Node and browsers       types/     its declarations
//
// See docs/decisions/0008-bundled-build.md.
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { bundledLicences } from './bundled-licences.mjs'
import { UNBUNDLED } from './pack-manifest.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

const ISC = `Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby
granted, provided that the above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.`

/** Commands and chunks lie two folders below package.json, from which the program reads its version. */
const COMMANDS = {
  input: {
    'bin/cluster-service': 'src/bin/cluster-service.ts',
    'bin/cluster-ctl': 'src/bin/cluster-ctl.ts',
  },
  platform: /** @type {const} */ ('node'),
  external: UNBUNDLED,
}
/**
 * An import of a built-in module by name reads everything that the module offers, also what is made when it is read: with
 * `node:http` come WebSockets, with `node:crypto` the Web Cryptography API. That is half of the start of a command. Asking
 * for the module itself reads only what is used.
 */
const ASKED_FOR = ['node:http', 'node:https', 'node:crypto']
const IMPORT = /^import (?:\* as )?([\w$]+|[\w$]+, \{.*\}|\{.*\}) from "(node:\w+)";$/gm
const askForModules = {
  name: 'ask-for-modules',
  /** @param {string} code */
  renderChunk: code => ({
    code: code.replace(IMPORT, (line, names, module) => {
      if (!ASKED_FOR.includes(module)) return line
      const [, whole = '', some = ''] = /^([\w$]*)(?:, )?(.*)$/.exec(names) ?? []
      const parts = [whole, some.replaceAll(' as ', ': ')].filter(part => part !== '')
      return `const ${parts.map(part => `${part} = process.getBuiltinModule("${module}")`).join(', ')};`
    }),
    // Lines stay where they are, so that the source maps stay right.
    map: null,
  }),
}
const CLIENT = {
  input: { 'client/connect': 'src/client/connect.ts' },
  platform: /** @type {const} */ ('browser'),
  external: [],
}

/**
 * @param {typeof COMMANDS | typeof CLIENT} what
 * @returns {Promise<readonly import('rolldown').OutputChunk[]>}
 */
async function bundle(what) {
  await using build = await rolldown({
    cwd: root,
    ...what,
    plugins: what === COMMANDS ? [askForModules] : [],
    // What is not found would otherwise be left to run time.
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(log.message)
    },
  })
  const { output } = await build.write({
    dir: dist,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    sourcemap: true,
    // The sources of packages are several times the program; for a stack names and lines are enough.
    sourcemapExcludeSources: true,
    comments: { legal: true, annotation: false, jsdoc: false },
  })
  const chunks = output.filter(file => file.type === 'chunk')
  assertSelfContained(chunks, name => what === COMMANDS && (isBuiltin(name) || UNBUNDLED.includes(name)))
  return chunks
}

/**
 * An installed package has no other packages than those that are shipped with it, a browser has none.
 * @param {readonly import('rolldown').OutputChunk[]} chunks
 * @param {(name: string) => boolean} isThere
 */
function assertSelfContained(chunks, isThere) {
  const own = new Set(chunks.map(({ fileName }) => fileName))
  for (const { fileName, imports, dynamicImports, code } of chunks) {
    const required = [...code.matchAll(/__require[$\d]*\(["']([^"']+)["']\)/g)].map(([, name = '']) => name)
    const missing = [...imports, ...dynamicImports, ...required].filter(
      name => !own.has(name) && !isThere(name),
    )
    if (missing.length > 0) throw new Error(`${fileName} needs ${missing.join(', ')}, which is not bundled`)
  }
}

/** @param {readonly import('rolldown').OutputChunk[]} chunks */
function licences(chunks) {
  const bundled = chunks
    .flatMap(({ moduleIds }) => moduleIds)
    .filter(id => isAbsolute(id) && id.includes('node_modules'))
  const usual = new Map([
    ['Apache-2.0', readFileSync(join(root, 'LICENSE-APACHE'), 'utf8')],
    ['MIT', readFileSync(join(root, 'LICENSE-MIT'), 'utf8').replace(/^[^]*?(?=Permission is hereby)/, '')],
    ['ISC', ISC],
  ])
  // Some lines of the bundler itself are in every bundle.
  return bundledLicences([fileURLToPath(import.meta.resolve('rolldown')), ...bundled], usual)
}

rmSync(dist, { recursive: true, force: true })
const commands = await bundle(COMMANDS)
const client = await bundle(CLIENT)
writeFileSync(join(dist, 'THIRD-PARTY-LICENSES'), licences([...commands, ...client]))
for (const { fileName, isEntry } of commands) if (isEntry) chmodSync(join(dist, fileName), 0o755)
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exitCode = status ?? 1
