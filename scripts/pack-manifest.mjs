// Around "npm pack" and "npm publish". In a clone the commands are the TypeScript sources; below node_modules Node runs no
// TypeScript, so that the package has what is built of them:
//
//   prepack   node scripts/pack-manifest.mjs prepare   points package.json at dist/
//   postpack  node scripts/pack-manifest.mjs restore   puts package.json back
//
// Nearly all dependencies are in the files of dist/. The others go into the package as they are installed here: an installation gets
// the very code that was tested. A lock file would not do, since npm does not read the one of an installed tarball.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BACKUP = 'package.json.before-pack'

/** Dependencies that no bundle can hold, since they load files of their own: native code of each platform. */
export const UNBUNDLED = ['classic-level']

/** @typedef {{ bin: Record<string, string>, exports: Record<string, string>, dependencies: Record<string, string>, [key: string]: unknown }} Manifest */

/**
 * package.json as it is published: commands and client in dist/, the dependencies that are not bundled, nothing for development.
 * @param {Manifest} manifest
 * @returns {Record<string, unknown>}
 */
export function publishedManifest(manifest) {
  const { devDependencies: _dev, scripts: _scripts, allowScripts: _allow, ...rest } = manifest
  const bin = Object.fromEntries(Object.entries(manifest.bin).map(([name, path]) => [name, builtPath(path)]))
  const exports = Object.fromEntries(
    Object.entries(manifest.exports).map(([name, path]) => [name, builtExport(path)]),
  )
  const dependencies = Object.fromEntries(
    Object.entries(manifest.dependencies).filter(([name]) => UNBUNDLED.includes(name)),
  )
  return { ...rest, bin, exports, dependencies, bundleDependencies: UNBUNDLED }
}

/** @param {string} path */
function builtPath(path) {
  return path.replace(/^src\//, 'dist/').replace(/\.ts$/, '.js')
}

/** @param {string} path */
function builtExport(path) {
  const name = /^\.\/src\/(.*)\.ts$/.exec(path)?.[1]
  return name === undefined ? path : { types: `./dist/types/${name}.d.ts`, default: `./dist/${name}.js` }
}

/** @param {string} root */
function prepare(root) {
  restore(root)
  const path = join(root, 'package.json')
  const manifest = publishedManifest(JSON.parse(readFileSync(path, 'utf8')))
  renameSync(path, join(root, BACKUP))
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`)
}

/**
 * Also after a pack that was interrupted.
 * @param {string} root
 */
function restore(root) {
  if (existsSync(join(root, BACKUP))) renameSync(join(root, BACKUP), join(root, 'package.json'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  if (process.argv[2] === 'prepare') prepare(root)
  else if (process.argv[2] === 'restore') restore(root)
  else process.exitCode = 1
}
