// The licences of packages whose code is in the bundle, as one text: each distinct text once, below the packages it is for.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const FILE = /^(licen[cs]e|copying|notice)/i
const HEAD = `The files in this folder hold code of the packages below, each under its own licence.
Where a package offers several licences, code is used under any of them.
`

/**
 * @typedef {{ name: string, version: string, license?: string, author?: string | { name?: string } }} Manifest
 * @typedef {{ root: string, manifest: Manifest }} Package
 */

/**
 * The package that a file belongs to: the nearest folder above it whose package.json has a name and a version. Some
 * packages have further ones inside that only say how files are to be read.
 * @param {string} file
 * @returns {Package}
 */
function packageOf(file) {
  for (let root = dirname(file); root !== dirname(root); root = dirname(root)) {
    const path = join(root, 'package.json')
    if (!existsSync(path)) continue
    const manifest = JSON.parse(readFileSync(path, 'utf8'))
    if (manifest.name !== undefined && manifest.version !== undefined) return { root, manifest }
  }
  throw new Error(`${file} belongs to no package`)
}

/**
 * What a package says about its licence. Many have no file of it: for those of the usual licences it is the usual text.
 * @param {Package} bundled
 * @param {ReadonlyMap<string, string>} usual texts by what package.json calls them
 * @returns {{ title: string, texts: readonly string[] }}
 */
function licenceOf({ root, manifest }, usual) {
  const { name, version, license = 'none', author } = manifest
  const title = `${name} ${version} (${license})`
  const files = readdirSync(root, { withFileTypes: true }).filter(
    file => file.isFile() && FILE.test(file.name),
  )
  if (files.length > 0)
    return { title, texts: files.map(file => readFileSync(join(root, file.name), 'utf8')) }
  const text = [...usual].find(([id]) => license.split(' OR ').includes(id))?.[1]
  if (text === undefined) throw new Error(`${title} has no licence file, and no text of its licence is known`)
  const by = typeof author === 'string' ? author : author?.name
  return { title: by === undefined || by === '' ? title : `${title}, copyright ${by}`, texts: [text] }
}

/**
 * @param {Iterable<string>} files the sources in the bundle
 * @param {ReadonlyMap<string, string>} usual texts of licences by what package.json calls them, the preferred first
 * @returns {string}
 */
export function bundledLicences(files, usual) {
  const packages = new Map([...files].map(packageOf).map(bundled => [bundled.root, bundled]))
  /** @type {Map<string, Set<string>>} */
  const byText = new Map()
  for (const bundled of packages.values()) {
    const { title, texts } = licenceOf(bundled, usual)
    for (const text of texts.map(raw => raw.replaceAll('\r\n', '\n').trim()))
      byText.set(text, (byText.get(text) ?? new Set()).add(title))
  }
  const parts = [...byText].map(([text, names]) => `${[...names].toSorted().join('\n')}\n\n${text}\n`)
  const line = `\n${'-'.repeat(80)}\n\n`
  return [HEAD, ...parts.toSorted()].join(line)
}
