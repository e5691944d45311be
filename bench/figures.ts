// All figures of docs/internals/performance.md, one program after the other: machine and table on stdout, progress on stderr.
// usage: npm run --silent figures [-- [--page] [--small] [WORD…]]     --page writes them into the page, --small tries every program
// with little; WORDs choose programs by their command.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, release, type as systemName, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { VERSION } from '../src/lib/version.ts'
import { cellsOf, tableLine } from './figure.ts'
import { bulkLines, crashLines, listingLines } from './foreign-figures.ts'
import { program } from './program.ts'

interface Program {
  readonly command: string
  /** What to give the command to see in a minute or two that it works. */
  readonly small: string
  /** The lines of a program that does not print a table of figures itself. */
  readonly toLines?: (out: string) => string[]
}

const PROGRAMS: readonly Program[] = [
  { command: 'node bench/yardstick.ts', small: '2000 4000' },
  { command: 'node bench/doors-speed.ts', small: '2000 --requests 2000' },
  { command: 'node bench/bulk.ts', small: '5000', toLines: bulkLines },
  { command: 'npm run --silent crash', small: '-- --kills 3', toLines: crashLines },
  { command: 'node bench/scale.ts', small: '0 1000' },
  { command: 'node bench/listing.ts', small: '5000', toLines: listingLines },
  { command: 'node bench/listing.ts 1000000', small: '', toLines: listingLines },
  { command: 'node bench/ctl-start.ts', small: '3' },
  { command: 'node --expose-gc bench/churn.ts', small: '5000 500 5' },
]
const HEAD = ['work', 'goal', 'reference', 'here', 'command']
const ROOT = join(import.meta.dirname, '..')
const PAGE = join(ROOT, 'docs/internals/performance.md')
const BLOCK = /(?<=<!-- figures -->\n)[^]*?(?=<!-- \/figures -->)/

async function outputOf(command: string): Promise<{ out: string; code: unknown }> {
  const [file = '', ...args] = command.split(' ')
  const child = spawn(file, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  const [code] = await once(child, 'close')
  return { out, code }
}

async function measure({ command, toLines }: Program): Promise<string[]> {
  const began = performance.now()
  console.error(`\n# ${command}`)
  const { out, code } = await outputOf(command)
  console.error(`# ${((performance.now() - began) / 1000).toFixed(0)} s`)
  const lines = (toLines?.(out) ?? out.split('\n')).flatMap(text => {
    const cells = cellsOf(text)
    return cells === undefined ? [] : [tableLine([...cells, `\`${command}\``])]
  })
  if (code === 0 && lines.length > 0) return lines
  const fault = code === 0 ? 'no figures' : `ended with ${String(code)}`
  return [...lines, tableLine(['–', '–', '–', `**${fault}**`, `\`${command}\``])]
}

async function machine(): Promise<string> {
  const [cpu] = cpus()
  const { out: revision } = await outputOf('git rev-parse --short HEAD')
  return [
    `${new Date().toISOString().slice(0, 10)}, Pinfold ${VERSION} (${revision.trim()}, ${relative(ROOT, program)}),`,
    `Node ${process.version}, ${systemName()} ${release()},`,
    `${cpus().length} cores of ${cpu?.model ?? 'an unknown model'}, ${Math.round(totalmem() / 2 ** 30)} GiB of memory.`,
  ].join(' ')
}

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { page: { type: 'boolean', default: false }, small: { type: 'boolean', default: false } },
})
const chosen = PROGRAMS.filter(
  ({ command }) => words.length === 0 || words.some(word => command.includes(word)),
).flatMap(one => {
  if (!values.small) return one
  return one.small === '' ? [] : { ...one, command: `${one.command} ${one.small}` }
})
const lines = [await machine(), '', tableLine(HEAD), tableLine(HEAD.map(() => '---'))]
for (const one of chosen) lines.push(...(await measure(one)))
const text = lines.join('\n')
if (values.page) {
  await writeFile(
    PAGE,
    (await readFile(PAGE, 'utf8')).replace(BLOCK, () => `\n${text}\n\n`),
  )
} else console.log(text)
