// All figures of docs/internals/performance.md, one program after the other: machine and table on stdout, progress on stderr.
// usage: npm run --silent figures [-- [--page] [WORD…]]     --page writes them into the page; WORDs choose programs by their command
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { cpus, release, type as systemName, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { VERSION } from '../src/lib/version.ts'
import { cellsOf, tableLine } from './figure.ts'
import { bulkLines, crashLines, listingLines } from './foreign-figures.ts'
import { program } from './program.ts'

interface Program {
  readonly command: string
  /** The lines of a program that does not print a table of figures itself. */
  readonly toLines?: (out: string) => string[]
}

const PROGRAMS: readonly Program[] = [
  { command: 'node bench/yardstick.ts' },
  { command: 'node bench/bulk.ts', toLines: bulkLines },
  { command: 'npm run --silent crash', toLines: crashLines },
  { command: 'node bench/scale.ts' },
  { command: 'node bench/listing.ts 100000', toLines: listingLines },
  { command: 'node bench/listing.ts 1000000', toLines: listingLines },
  { command: 'node --expose-gc bench/churn.ts' },
]
const HEAD = ['work', 'goal', 'reference', 'here', 'command']
const ROOT = join(import.meta.dirname, '..')
const PAGE = join(ROOT, 'docs/internals/performance.md')
const BLOCK = /(?<=<!-- figures -->\n)[^]*(?=\n<!-- \/figures -->)/

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

const words = process.argv.slice(2).filter(word => word !== '--page')
const chosen = PROGRAMS.filter(
  ({ command }) => words.length === 0 || words.some(word => command.includes(word)),
)
const lines = [await machine(), '', tableLine(HEAD), tableLine(HEAD.map(() => '---'))]
for (const one of chosen) lines.push(...(await measure(one)))
const text = lines.join('\n')
if (process.argv.includes('--page')) {
  await writeFile(
    PAGE,
    (await readFile(PAGE, 'utf8')).replace(BLOCK, () => `\n${text}\n`),
  )
} else console.log(text)
