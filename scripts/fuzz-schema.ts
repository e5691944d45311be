// Holds a real peer to its own OpenAPI documents with schemathesis, which makes requests out of what a document says: those of
// the REST API and of the Pinning Service API, one after the other.
// usage: npm run fuzz:schema -- [SECONDS=60 for each of two passes] [rest|pinsvc] [more arguments for schemathesis]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { pinNumbers } from '../test/support/door-guests.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { freePort, openPeerProcesses, type PeerProcess } from '../test/support/peer-processes.ts'
import { type Known, narrowedDocument } from './narrowed-document.ts'

const PINS = 50
const HOW = `schemathesis is not installed. It is a Python program, package "schemathesis" of PyPI; in a folder of its own:

  python3 -m venv ~/.local/schemathesis && ~/.local/schemathesis/bin/pip install schemathesis
  SCHEMATHESIS=~/.local/schemathesis/bin/schemathesis npm run fuzz:schema

SCHEMATHESIS names its file; without it, it is looked for on the PATH.`

/**
 * All checks but these: a method that a path does not have is answered as the reference does (404 or 405), and that a text is a
 * CID or a peer id, no schema says, so that what looks valid may be refused. A 500 with the reason REFUSED is the reference's.
 */
const WITHOUT = ['--checks', 'all', '--exclude-checks']
/** Events have no end, and a pin is a stream of lines that the program cannot make. */
const REQUESTS = [
  '--exclude-path-regex',
  '^/events',
  '--phases',
  'examples,coverage,fuzzing',
  '--request-timeout',
  '5',
]
const MANNERS = ['--continue-on-failure', '--suppress-health-check', 'all', '--no-color']

function findProgram(): string | undefined {
  const { SCHEMATHESIS: named = '', PATH = '' } = process.env
  const places = named === '' ? PATH.split(delimiter).map(folder => join(folder, 'schemathesis')) : [named]
  return places.find(place => existsSync(place))
}

/** The APIs that describe themselves, by the word that chooses one. */
const APIS = {
  rest: { door: 'url', bodies: [] },
  pinsvc: { door: 'pinsvc', bodies: ['WantedPin'] },
} as const
type Api = keyof typeof APIS

function isApi(word: string | undefined): word is Api {
  return word !== undefined && Object.hasOwn(APIS, word)
}

/** Fills the pinset; answers with what there is to name. */
async function fill(peer: PeerProcess): Promise<Known> {
  const cids = Array.from({ length: PINS }, (_, number) => numberedCid(number).toString())
  await pinNumbers(Number(new URL(peer.url).port), cids)
  const ids: string[] = []
  for (const cid of cids) {
    const body = JSON.stringify({ cid, name: cid.slice(-4), meta: { app: 'fuzz' } })
    const answer = await fetch(`${peer.pinsvc}/pins`, { method: 'POST', body })
    const { requestid } = (await answer.json()) as { readonly requestid: string }
    ids.push(requestid)
  }
  const origins = [`/ip4/127.0.0.1/tcp/${await freePort()}/p2p/${peer.id}`]
  return { cid: cids, hash: cids, cids, requestid: ids, peer: [peer.id], peer_id: [peer.id], origins }
}

/** First everything that the document allows and forbids, then what gets further because it names what there is. */
async function fuzz(program: string, api: Api, seconds: string, more: readonly string[]): Promise<number> {
  await using processes = await openPeerProcesses()
  // Nothing answers there: pins are kept, and cost nothing more.
  const peer = await processes.add({ kubo: `/ip4/127.0.0.1/tcp/${await freePort()}` })
  const known = await fill(peer)
  const { door, bodies } = APIS[api]
  const url = peer[door]
  const document: unknown = await (await fetch(`${url}/openapi.json`)).json()
  const file = join(peer.folder, 'narrowed.json')
  await writeFile(file, JSON.stringify(narrowedDocument(document, known, bodies)))
  // Of the REST API more texts have a form that no schema says.
  const refusals = api === 'rest' ? ',positive_data_acceptance' : ''
  const passes = [
    [`${url}/openapi.json`, ...WITHOUT, 'unsupported_method,positive_data_acceptance'],
    [file, '--mode', 'positive', ...WITHOUT, `unsupported_method${refusals}`],
  ]
  const codes: number[] = []
  for (const pass of passes) {
    const args = ['run', ...pass, '-u', url, ...REQUESTS, ...MANNERS, '--max-time', seconds, ...more]
    const child = spawn(program, args, { stdio: 'inherit' })
    const [code] = await once(child, 'exit')
    if (peer.exitCode !== undefined) throw new Error(`the peer ended: ${peer.log().slice(-2000)}`)
    codes.push(Number(code ?? 1))
  }
  return Math.max(...codes)
}

const program = findProgram()
if (program === undefined) {
  console.error(HOW)
  process.exitCode = 2
} else {
  const [seconds = '60', word, ...rest] = process.argv.slice(2)
  const more = isApi(word) || word === undefined ? rest : [word, ...rest]
  const codes: number[] = []
  for (const api of isApi(word) ? [word] : (Object.keys(APIS) as Api[]))
    codes.push(await fuzz(program, api, seconds, more))
  process.exitCode = Math.max(...codes)
}
