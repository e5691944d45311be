// Runs a command with the project's own Node and tools first in PATH. It is plain JavaScript, since it is what any Node
// from 20 on runs first; when the locked dependencies are not there yet, it installs them.
//
//   node scripts/with-node.mjs <command> [arguments…]
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, link?: boolean }} LockedPackage
 */

/**
 * The packages of a lock file by their place, or undefined when there is none that can be read.
 * @param {string} path
 * @returns {Map<string, LockedPackage> | undefined}
 */
function packagesOf(path) {
  if (!existsSync(path)) return undefined
  try {
    /** @type {{ packages?: Record<string, LockedPackage> }} */
    const lock = JSON.parse(readFileSync(path, 'utf8'))
    return new Map(Object.entries(lock.packages ?? {}))
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined
    throw thrown
  }
}

/**
 * Whether what npm says that it installed is what the lock file asks for. Optional packages may be missing: most of them
 * are for other machines.
 * @param {string} root
 */
export function isInstalled(root) {
  const wanted = packagesOf(join(root, 'package-lock.json'))
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'))
  if (wanted === undefined || present === undefined) return false
  if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) return false
  for (const [place, { version, integrity, optional }] of wanted) {
    if (place === '') continue
    const found = present.get(place)
    if (found === undefined && optional === true) continue
    if (found === undefined || found.version !== version) return false
    if (integrity !== undefined && found.integrity !== undefined && found.integrity !== integrity)
      return false
  }
  return true
}

const PARENT_LOOK_MS = 300

/**
 * Runs a program until it ends, passing signals on; answers with the exit code as a shell would give it.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<number>}
 */
function run(program, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', ...options })
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    /** @param {NodeJS.Signals} signal */
    const pass = signal => void child.kill(signal)
    for (const signal of signals) process.on(signal, pass)
    // npm runs scripts through a shell, which dies of a signal without passing it on.
    const parent = process.ppid
    const watch = setInterval(() => {
      if (process.ppid === parent) return
      clearInterval(watch)
      pass('SIGTERM')
    }, PARENT_LOOK_MS)
    child.once('error', thrown => {
      clearInterval(watch)
      reject(thrown)
    })
    child.once('exit', (code, signal) => {
      clearInterval(watch)
      for (const name of signals) process.off(name, pass)
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

/**
 * Installs the locked dependencies. npm's warnings that this Node is older than the project's are left out: the project's
 * own comes with them.
 * @param {string} root
 */
async function install(root) {
  const began = performance.now()
  process.stderr.write('Installing the locked dependencies (once; takes about half a minute) …\n')
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--no-progress']
  const npm = process.env['npm_execpath']
  const env = { ...process.env, NODE_ENV: '', npm_config_loglevel: 'error' }
  // Standard output belongs to the command that follows.
  /** @type {import('node:child_process').SpawnOptions} */
  const options = { cwd: root, env, stdio: ['ignore', 2, 2] }
  const code =
    npm !== undefined && /npm-cli\.[cm]?js$/.test(npm)
      ? await run(process.execPath, [npm, ...args], options)
      : await run('npm', args, { ...options, shell: process.platform === 'win32' })
  if (code === 0)
    process.stderr.write(`Installed in ${Math.round((performance.now() - began) / 1000)} seconds.\n`)
  return code
}

/** @param {readonly string[]} argv */
async function main([command, ...args]) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  if (command === undefined) {
    process.stderr.write('usage: node scripts/with-node.mjs <command> [arguments…]\n')
    return 1
  }
  if (!isInstalled(root)) {
    const code = await install(root)
    if (code !== 0) {
      process.stderr.write(`npm ci failed (${code}): see its message above, then try again.\n`)
      return code
    }
  }
  const bin = join(root, 'node_modules', '.bin')
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }
  return await run(command, args, { env, shell: process.platform === 'win32' })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2))
}
